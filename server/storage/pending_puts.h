#ifndef CALIPERS_SERVER_STORAGE_PENDING_PUTS_H_
#define CALIPERS_SERVER_STORAGE_PENDING_PUTS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "server/model/digest.h"
#include "server/model/series_facts.h"
#include "server/model/session_identity.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Records that one call of Store::PutIfAbsent is about to keep in one series. Decides for
/// each of them whether it fits, is new, a duplicate or a conflict: every store decides
/// with this class, so that stores differ only in where they keep records. Changes nothing
/// by itself: a store keeps the records, then applies them to the series' facts; or it
/// drops this object, and nothing happened. Not thread-safe.
class PendingPuts {
 public:
  /// `identity` is the series'; it must outlive this object.
  explicit PendingPuts(const SessionIdentity* identity) : identity_(identity) {}

  enum class Place {
    kFree,     // nothing was at `index`; the record is pending there now
    kTaken,    // `index` holds a record, perhaps the same: Compare tells
    kRefused,  // `status` says why
  };
  struct Decision {
    Place place = Place::kRefused;
    BatchIndex index = -1;
    absl::Status status = {};
  };
  /// Decides about the call's next record. `facts` are the series' without what is
  /// pending, the same in each call; `record` must outlive this object.
  Decision Decide(const SeriesFacts& facts, const NewRecord& record);

  /// The pending record at `index`; null if there is none.
  const SeriesRecord* Find(BatchIndex index);

  /// What becomes of a record whose index holds another with the digest `held`:
  /// kDuplicate, or kConflict, which is counted.
  PutResult Compare(BatchIndex index, const Digest& held, const Digest& given);

  /// The records to be kept, in the order of the call.
  struct Pending {
    BatchIndex index;
    const NewRecord* record;
  };
  absl::Span<const Pending> pending() const { return pending_; }

  /// Adds the records, which are kept now, to the facts that they were decided by, and
  /// the conflicts.
  void ApplyTo(SeriesFacts& facts) const;

  /// Records that were told to be conflicts with a record that is not pending.
  std::int64_t conflicts_with_kept() const { return conflicts_with_kept_; }

 private:
  SeriesForm FormWith(const SeriesFacts& facts) const;

  const SessionIdentity* identity_;
  absl::InlinedVector<Pending, 1> pending_;
  // Places in pending_ of the first `indexed_`, once someone asked.
  absl::flat_hash_map<BatchIndex, std::size_t> by_index_;
  std::size_t indexed_ = 0;
  // What the pending records reach to and have in common.
  BatchIndex end_ = 0;
  const Record* first_ = nullptr;
  const std::vector<std::int64_t>* qparam_shape_ = nullptr;
  std::int64_t conflicts_with_kept_ = 0;
  std::int64_t conflicts_with_pending_ = 0;
};

/// A refusal of `record`, which kept the index that it came with.
PutResult Refused(const NewRecord& record, absl::Status status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_PENDING_PUTS_H_
