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

/// What a session answers for a series, folded here: the bits that a server's GetMinMax
/// gives for the same records. Not thread-safe.
class OfflineFold {
 public:
  /// INVALID_ARGUMENT for a spec that no session has.
  static absl::StatusOr<OfflineFold> Make(const v1::Session& spec);

  /// Folds in the series' next record. INVALID_ARGUMENT if it is none, or if it is not
  /// empty and has not the dtype and the parameters of the first.
  absl::Status Add(const v1::SeriesRecord& record);

  /// True if a record was dropped: then nothing can be said.
  bool dropped() const { return dropped_; }
  /// Records that were folded: those that are not empty and not skipped.
  std::int64_t folded_count() const { return folded_count_; }
  /// Nothing must be dropped, and something folded.
  FoldedRange Answer() const { return observer_->Answer(); }

 private:
  OfflineFold(std::unique_ptr<Observer> observer, Arithmetic arithmetic, NonFinitePolicy policy)
      : observer_(std::move(observer)), arithmetic_(arithmetic), policy_(policy) {}

  absl::Status CheckFits(const Record& record) const;

  std::unique_ptr<Observer> observer_;
  Arithmetic arithmetic_;
  NonFinitePolicy policy_;
  // Of the first record that was folded.
  Dtype dtype_ = Dtype::kF32;
  std::size_t num_params_ = 0;
  std::int64_t folded_count_ = 0;
  bool dropped_ = false;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_OFFLINE_FOLD_H_
