#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "rocksdb/status.h"

namespace calipers::server {

/// Converts a status of RocksDB or of its file system. `doing` names the operation, as in "writing
/// to"; `directory` is the data directory. RESOURCE_EXHAUSTED for a full disk, DATA_LOSS for
/// damaged data, UNAVAILABLE for other failures of the device.
absl::Status FromDisk(const rocksdb::Status& status, absl::string_view doing,
                      const std::string& directory);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_ROCKSDB_STATUS_H_
