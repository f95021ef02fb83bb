#ifndef CALIPERS_SERVER_SESSION_SERIES_PREFIX_H_
#define CALIPERS_SERVER_SESSION_SERIES_PREFIX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/tensor/dtype.h"
#include "server/model/coverage.h"
#include "server/model/session_spec.h"
#include "server/session/series_fold.h"
#include "server/storage/store.h"

namespace calipers::server {

/// The fold and the counts of the records 0 .. end() - 1 of a series. A query starts from them, and
/// a checkpoint stores them. Not thread-safe.
class SeriesPrefix {
 public:
  /// The prefix without records. `spec` must outlive it.
  explicit SeriesPrefix(const SessionSpec* spec) : spec_(spec), fold_(FoldSpec::Of(*spec)) {}

  /// Restores a checkpoint that Save made for the same spec. DATA_LOSS if it is malformed.
  static absl::StatusOr<SeriesPrefix> Restore(const SessionSpec* spec,
                                              const Checkpoint& checkpoint);

  /// `qparam_shape` is the qparam shape of the series; nullopt if every record is empty.
  Checkpoint Save(const std::optional<std::vector<std::int64_t>>& qparam_shape) const;

  /// Adds the record at index end(). See SeriesFold::Add.
  absl::Status Add(const std::shared_ptr<const SeriesRecord>& observed);

  BatchIndex end() const { return end_; }
  const SeriesFold& fold() const { return fold_; }

 private:
  const SessionSpec* spec_;
  SeriesFold fold_;
  SeriesCoverage coverage_;
  BatchIndex end_ = 0;
  std::optional<Dtype> dtype_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_SERIES_PREFIX_H_
