#include "client/formats/checksum.h"

#include <cstdint>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "client/formats/as_bytes.h"
#include "client/formats/run_file_format.h"

namespace calipers::client {
namespace {

Checksum Canonical(XXH128_hash_t hash) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, hash);
  Checksum checksum;
  static_assert(sizeof(canonical.digest) == sizeof(checksum));
  std::memcpy(checksum.data(), canonical.digest, checksum.size());
  return checksum;
}

// The size stands before the text, so that no two lists of texts have the same bytes.
void AppendText(absl::string_view text, RunningChecksum& checksum) {
  const std::uint64_t size = text.size();
  checksum.Append({reinterpret_cast<const std::byte*>(&size), sizeof(size)});
  checksum.Append(AsBytes(text));
}

}  // namespace

Checksum ChecksumOf(absl::Span<const std::byte> bytes) {
  return Canonical(XXH3_128bits(bytes.data(), bytes.size()));
}

RunningChecksum::RunningChecksum() : state_(XXH3_createState(), &XXH3_freeState) {
  XXH3_128bits_reset(state_.get());
}

void RunningChecksum::Append(absl::Span<const std::byte> bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

Checksum RunningChecksum::Get() const { return Canonical(XXH3_128bits_digest(state_.get())); }

std::string SessionChecksum(const std::map<std::string, Checksum>& tensors,
                            nlohmann::json metadata) {
  metadata.erase(run_file::kChecksum);
  RunningChecksum whole;
  for (const auto& [name, checksum] : tensors) {
    AppendText(name, whole);
    whole.Append(checksum);
  }
  AppendText(metadata.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), whole);
  const Checksum result = whole.Get();
  return absl::BytesToHexString({reinterpret_cast<const char*>(result.data()), result.size()});
}

}  // namespace calipers::client
