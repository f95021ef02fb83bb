#include "server/storage/rocksdb/memtable_insert_hint.h"

#include "server/storage/rocksdb/keys.h"

namespace calipers::server {
namespace {

constexpr std::size_t kIndex = sizeof(BatchIndex);

}  // namespace

rocksdb::Slice MemtableInsertHint::Transform(const rocksdb::Slice& key) const {
  return {key.data(), key.size() - kIndex};
}

bool MemtableInsertHint::InDomain(const rocksdb::Slice& key) const {
  return key.size() == ObservedKey().size() && key[0] == static_cast<char>(RowKind::kObserved);
}

}  // namespace calipers::server
