#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_

#include "rocksdb/slice_transform.h"

namespace calipers::server {

/// Returns the part of a record's key that names its series. With it, a memtable remembers for each
/// series where the last record was inserted. The place of the next record is then found at once,
/// however many series alternate.
///
/// RocksDB 7.8 also remembers these places for range deletions. The first key of a range deletion
/// must therefore not be the key of a record.
class MemtableInsertHint final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "calipers.MemtableInsertHint"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override;
  bool InDomain(const rocksdb::Slice& key) const override;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_
