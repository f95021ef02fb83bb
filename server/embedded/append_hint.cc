#include "server/embedded/append_hint.h"

#include "server/embedded/keys.h"

namespace calipers::server {
namespace {

constexpr std::size_t kIndex = sizeof(BatchIndex);

}  // namespace

rocksdb::Slice AppendHint::Transform(const rocksdb::Slice& key) const {
  return {key.data(), key.size() - kIndex};
}

bool AppendHint::InDomain(const rocksdb::Slice& key) const {
  return key.size() == ObservedKey().size() && key[0] == static_cast<char>(RowKind::kObserved);
}

}  // namespace calipers::server
