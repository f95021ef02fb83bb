#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_FIXED64_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_FIXED64_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace calipers::server {

/// The body of a row that holds a number: eight bytes, big-endian.
std::string EncodeNumber(std::uint64_t number);
/// DATA_LOSS, naming the row of `key`, if the body has another size.
absl::StatusOr<std::uint64_t> DecodeNumber(absl::string_view key, absl::string_view body);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_FIXED64_H_
