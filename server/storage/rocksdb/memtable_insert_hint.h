#ifndef CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_
#define CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_

#include "rocksdb/slice_transform.h"

namespace calipers::server {

/// Of a record's key what names its series, so that a memtable remembers for each series
/// where it was appended to: the next record's place is then found at once, however many
/// series take turns.
///
/// RocksDB 7.8 keeps the same places for what deletes a range, whose first key must
/// therefore be none of a record.
class MemtableInsertHint final : public rocksdb::SliceTransform {
 public:
  const char* Name() const override { return "calipers.MemtableInsertHint"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override;
  bool InDomain(const rocksdb::Slice& key) const override;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROCKSDB_MEMTABLE_INSERT_HINT_H_
