#ifndef CALIPERS_CLIENT_FORMATS_OFFLINE_FOLD_H_
#define CALIPERS_CLIENT_FORMATS_OFFLINE_FOLD_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "calipers/v1/observation.pb.h"
#include "calipers/v1/session.pb.h"
#include "core/fold/non_finite_policy.h"
#include "core/fold/observer.h"

namespace calipers::client {

/// Folds a series in the client. The answer has the same bits as a server's GetMinMax for the same
/// records. Not thread-safe.
class OfflineFold {
 public:
  /// INVALID_ARGUMENT if no session can have this spec.
  static absl::StatusOr<OfflineFold> Make(const v1::Session& spec);

  /// Folds the next record of the series. INVALID_ARGUMENT if the record is malformed.
  /// INVALID_ARGUMENT also if it is not empty, and its dtype or number of parameters differs from
  /// the first.
  absl::Status Add(const v1::SeriesRecord& record);

  /// True if the values of a record were dropped. Then there is no answer.
  bool dropped() const { return dropped_; }
  /// Number of folded records: records that are neither empty nor skipped.
  std::int64_t folded_count() const { return folded_count_; }
  /// The answer. Requires that no record was dropped and that at least one was folded.
  FoldedRange Answer() const { return observer_->Answer(); }

 private:
  OfflineFold(std::unique_ptr<Observer> observer, Arithmetic arithmetic, NonFinitePolicy policy)
      : observer_(std::move(observer)), arithmetic_(arithmetic), policy_(policy) {}

  absl::Status CheckFits(const Record& record) const;

  std::unique_ptr<Observer> observer_;
  Arithmetic arithmetic_;
  NonFinitePolicy policy_;
  // From the first record that was folded.
  Dtype dtype_ = Dtype::kF32;
  std::size_t num_params_ = 0;
  std::int64_t folded_count_ = 0;
  bool dropped_ = false;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_OFFLINE_FOLD_H_
