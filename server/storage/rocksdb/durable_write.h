#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_WRITE_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_WRITE_H_

#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/status.h"
#include "server/model/durability.h"

namespace calipers::server {

// The syncs of rows. server/storage/rocksdb/durable_files.h has the syncs of other files.

/// When a write must be on the device.
enum class Keep {
  kBeforeReturn,  // as far as the durability promises
  kSometime,      // together with the next kBeforeReturn write
};

/// Whether RocksDB syncs the write-ahead log before the write returns, and whether it writes the
/// log at all.
rocksdb::WriteOptions WriteOptionsFor(Durability durability, Keep keep);

/// Makes all rows that were written durable, whatever their Keep was: with a log by a sync of it,
/// without a log by a flush into a table.
rocksdb::Status MakeWrittenDurable(rocksdb::DB& db, Durability durability);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_DURABLE_WRITE_H_
