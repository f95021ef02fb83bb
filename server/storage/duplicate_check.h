#ifndef CALIPERS_SERVER_STORAGE_DUPLICATE_CHECK_H_
#define CALIPERS_SERVER_STORAGE_DUPLICATE_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/digest/digest.h"
#include "server/model/series_facts.h"
#include "server/model/session_identity.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Decides, for the records that one call of Store::PutIfAbsent puts into one series, whether each
/// of them fits, is new, is a duplicate, or is a conflict. All stores use this class, so stores
/// differ only in where they keep records. The class itself changes nothing: a store first stores
/// the records and then calls ApplyTo; if it drops the object instead, nothing has happened. Not
/// thread-safe.
class DuplicateCheck {
 public:
  /// `identity` is the identity of the series' session. It must outlive this object.
  explicit DuplicateCheck(const SessionIdentity* identity) : identity_(identity) {}

  enum class Place {
    kFree,     // `index` was free; the record is now pending at it
    kTaken,    // `index` holds a record; call Compare
    kRefused,  // `status` holds the reason
  };
  struct Decision {
    Place place = Place::kRefused;
    BatchIndex index = -1;
    absl::Status status = {};
  };
  /// Decides about the next record. `facts` are the facts of the series without the pending
  /// records, the same in each call. `record` must outlive this object.
  Decision Decide(const SeriesFacts& facts, const NewRecord& record);

  /// The pending record at `index`, or null.
  const SeriesRecord* Find(BatchIndex index);

  /// Compares a record with the record that its index holds, by their digests. The outcome is
  /// kDuplicate if they are equal, otherwise kConflict. Conflicts are counted. Empty records are
  /// equal in any dtype.
  PutResult Compare(BatchIndex index, const Digest& held, const SeriesRecord& given);

  /// The records to store, in the order of the call.
  struct Pending {
    BatchIndex index;
    const NewRecord* record;
  };
  absl::Span<const Pending> pending() const { return pending_; }

  /// Adds the records, which are now stored, and the conflicts to the facts.
  void ApplyTo(SeriesFacts& facts) const;

  /// The number of conflicts with records that were stored before this call.
  std::int64_t conflicts_with_stored() const { return conflicts_with_stored_; }

 private:
  SeriesForm FormWith(const SeriesFacts& facts) const;

  const SessionIdentity* identity_;
  absl::InlinedVector<Pending, 1> pending_;
  // Positions in pending_ of its first `indexed_` records. Filled by Find if there are many.
  absl::flat_hash_map<BatchIndex, std::size_t> by_index_;
  std::size_t indexed_ = 0;
  // The end index of the pending records, and the first of them that has elements.
  BatchIndex end_ = 0;
  const NewRecord* first_ = nullptr;
  std::int64_t conflicts_with_stored_ = 0;
  std::int64_t conflicts_with_pending_ = 0;
};

/// The result for a record that is refused with `status`. Its index is record.index, or -1.
PutResult Refused(const NewRecord& record, absl::Status status);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_DUPLICATE_CHECK_H_
