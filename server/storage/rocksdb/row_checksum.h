#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/write_batch.h"

namespace calipers::server {

// The value of a row is its body and a checksum: the XXH3-64 of the body, seeded with the XXH3-64
// of the key. It detects a damaged body, and a body that belongs to another key. Checksums are
// stored, so their computation must not change.

/// Appends the checksum to the body, which makes it the value of `key`.
void AppendChecksum(absl::string_view key, std::string& body);

/// Adds the row, with its checksum, to the batch.
void PutRow(absl::string_view key, std::string body, rocksdb::WriteBatch& batch);

/// The body, which points into `value`. DATA_LOSS, naming the row, if the checksum does not match.
absl::StatusOr<absl::string_view> CheckedBody(absl::string_view key, absl::string_view value);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_
