#ifndef CALIPERS_SERVER_MODEL_SERIES_RECORD_H_
#define CALIPERS_SERVER_MODEL_SERIES_RECORD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/digest/digest.h"
#include "core/reduce/record.h"

namespace calipers::server {

/// A tensor's dimensions, outermost first.
using Shape = absl::InlinedVector<std::int64_t, 4>;

inline Shape ToShape(absl::Span<const std::int64_t> dimensions) {
  return Shape(dimensions.begin(), dimensions.end());
}

/// An observation as it is stored in a series: the record and the facts that came with it.
struct SeriesRecord {
  /// If `dropped`, it holds only the dtype and num_observations.
  Record record;
  Digest digest;
  /// The shape of the tensor that was reduced.
  Shape shape;
  /// The worker that sent the observation. The records of a stream share it.
  std::shared_ptr<const std::string> worker;
  /// True if the record's values were dropped after they were folded (Retention::kFolded).
  bool dropped = false;

  static std::shared_ptr<const SeriesRecord> Make(Record record,
                                                  absl::Span<const std::int64_t> shape,
                                                  std::shared_ptr<const std::string> worker) {
    const Digest digest = DigestOf(record);
    return std::make_shared<const SeriesRecord>(
        SeriesRecord{std::move(record), digest, ToShape(shape), std::move(worker)});
  }

  /// A copy without the values of its record.
  std::shared_ptr<const SeriesRecord> WithoutValues() const {
    return std::make_shared<const SeriesRecord>(SeriesRecord{
        Record::Empty(record.dtype(), record.num_observations()), digest, shape, worker,
        /*dropped=*/true});
  }
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SERIES_RECORD_H_
