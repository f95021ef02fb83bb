#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "rocksdb/write_batch.h"

namespace calipers::server {

// A row's value is its body and XXH3-64 of that, seeded with the key's, so that neither
// a damaged body nor one that belongs to another key is taken for the row. It is stored;
// it must not change.

/// Makes the value of `key` out of its body.
void AppendChecksum(absl::string_view key, std::string& body);

/// Has the batch put the row, with its checksum.
void PutRow(absl::string_view key, std::string body, rocksdb::WriteBatch& batch);

/// The body, which points into `value`. DATA_LOSS, naming the row, if it is not what was written
/// for `key`.
absl::StatusOr<absl::string_view> CheckedBody(absl::string_view key, absl::string_view value);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROW_CHECKSUM_H_
