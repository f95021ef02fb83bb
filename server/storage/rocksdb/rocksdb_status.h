#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/status.h"

namespace calipers::server {

/// What RocksDB or its file system reports, in the words of the server. `doing` says what
/// failed, as in "writing to"; `directory` is the data directory. RESOURCE_EXHAUSTED for a full
/// disk, DATA_LOSS for what cannot be read as it was written, UNAVAILABLE for other
/// failures of the device.
absl::Status FromDisk(const rocksdb::Status& status, absl::string_view doing,
                      const std::string& directory);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
