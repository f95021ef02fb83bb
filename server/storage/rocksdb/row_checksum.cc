#include "server/storage/rocksdb/row_checksum.h"

#include <xxhash.h>

#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/storage/rocksdb/keys.h"

namespace calipers::server {
namespace {

XXH64_canonical_t ChecksumOf(absl::string_view key, absl::string_view body) {
  const XXH64_hash_t seed = XXH3_64bits(key.data(), key.size());
  XXH64_canonical_t checksum;
  XXH64_canonicalFromHash(&checksum, XXH3_64bits_withSeed(body.data(), body.size(), seed));
  return checksum;
}

}  // namespace

void AppendChecksum(absl::string_view key, std::string& body) {
  const XXH64_canonical_t checksum = ChecksumOf(key, body);
  body.append(reinterpret_cast<const char*>(checksum.digest), sizeof(checksum.digest));
}

void PutRow(absl::string_view key, std::string body, rocksdb::WriteBatch& batch) {
  AppendChecksum(key, body);
  batch.Put({key.data(), key.size()}, body).PermitUncheckedError();
}

absl::StatusOr<absl::string_view> CheckedBody(absl::string_view key, absl::string_view value) {
  XXH64_canonical_t checksum;
  if (value.size() >= sizeof(checksum.digest)) {
    const absl::string_view body = value.substr(0, value.size() - sizeof(checksum.digest));
    checksum = ChecksumOf(key, body);
    if (std::memcmp(checksum.digest, value.data() + body.size(), sizeof(checksum.digest)) == 0) {
      return body;
    }
  }
  return absl::DataLossError(absl::StrCat(Describe(key), " does not match its checksum"));
}

}  // namespace calipers::server
