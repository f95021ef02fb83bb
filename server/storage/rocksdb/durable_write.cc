#include "server/storage/rocksdb/durable_write.h"

namespace calipers::server {

rocksdb::WriteOptions WriteOptionsFor(Durability durability, Keep keep) {
  rocksdb::WriteOptions options;
  options.sync = keep == Keep::kBeforeReturn && durability == Durability::kSync;
  options.disableWAL = durability == Durability::kNone;
  return options;
}

rocksdb::Status MakeWrittenDurable(rocksdb::DB& db, Durability durability) {
  return durability == Durability::kNone ? db.Flush({}) : db.SyncWAL();
}

}  // namespace calipers::server
