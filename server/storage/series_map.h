#ifndef CALIPERS_SERVER_STORAGE_SERIES_MAP_H_
#define CALIPERS_SERVER_STORAGE_SERIES_MAP_H_

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/store.h"

namespace calipers::server {

/// The objects that a store has for its series, by id. The map is divided into parts. When a part
/// grows, a look-up waits only until this part was moved, not a million entries. Thread-safe.
template <typename T>
class SeriesMap {
 public:
  /// `id` must not be in the map.
  void Insert(SeriesId id, std::shared_ptr<T> series) {
    Part& part = PartOf(id);
    absl::MutexLock lock(&part.mu);
    part.series.emplace(id, std::move(series));
  }

  /// Null if `id` is not in the map.
  std::shared_ptr<T> Find(SeriesId id) const {
    const Part& part = PartOf(id);
    absl::ReaderMutexLock lock(&part.mu);
    const auto it = part.series.find(id);
    return it == part.series.end() ? nullptr : it->second;
  }

  /// Removes the entry and returns it; null if `id` is not in the map.
  std::shared_ptr<T> Extract(SeriesId id) {
    Part& part = PartOf(id);
    absl::MutexLock lock(&part.mu);
    auto node = part.series.extract(id);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

  void ForEach(absl::FunctionRef<void(const T&)> visit) const {
    for (const Part& part : parts_) {
      absl::ReaderMutexLock lock(&part.mu);
      for (const auto& [id, series] : part.series) visit(*series);
    }
  }

 private:
  static constexpr std::size_t kParts = 64;
  struct Part {
    mutable absl::Mutex mu;
    absl::flat_hash_map<SeriesId, std::shared_ptr<T>> series ABSL_GUARDED_BY(mu);
  };

  const Part& PartOf(SeriesId id) const { return parts_[static_cast<std::uint64_t>(id) % kParts]; }
  Part& PartOf(SeriesId id) { return parts_[static_cast<std::uint64_t>(id) % kParts]; }

  std::array<Part, kParts> parts_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_SERIES_MAP_H_
