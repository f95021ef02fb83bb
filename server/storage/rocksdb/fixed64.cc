#include "server/storage/rocksdb/fixed64.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/storage/rocksdb/keys.h"

namespace calipers::server {

std::string EncodeNumber(std::uint64_t number) {
  std::string body;
  for (int shift = 56; shift >= 0; shift -= 8) body.push_back(static_cast<char>(number >> shift));
  return body;
}

absl::StatusOr<std::uint64_t> DecodeNumber(absl::string_view key, absl::string_view body) {
  if (body.size() == sizeof(std::uint64_t)) return NumberAt(body, 0);
  return absl::DataLossError(absl::StrCat(Describe(key), " is not a number"));
}

}  // namespace calipers::server
