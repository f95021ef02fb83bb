#ifndef CALIPERS_SERVER_MODEL_SERIES_RECORD_H_
#define CALIPERS_SERVER_MODEL_SERIES_RECORD_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "core/reduce/record.h"
#include "server/model/digest.h"

namespace calipers::server {

/// A tensor's dimensions, outermost first.
using Shape = absl::InlinedVector<std::int64_t, 4>;

/// An observation as it is stored in a series: the record and the facts that came with it.
struct SeriesRecord {
  /// With nothing but dtype and num_observations if `dropped`.
  Record record;
  Digest digest;
  /// Of the tensor that was reduced.
  Shape shape;
  /// Shared by all that a stream brings.
  std::shared_ptr<const std::string> worker;
  /// The record's values went once they were folded (Retention::kFolded).
  bool dropped = false;

  static std::shared_ptr<const SeriesRecord> Make(Record record,
                                                  absl::Span<const std::int64_t> shape,
                                                  std::shared_ptr<const std::string> worker) {
    const Digest digest = DigestOf(record);
    return std::make_shared<const SeriesRecord>(SeriesRecord{
        std::move(record), digest, Shape(shape.begin(), shape.end()), std::move(worker)});
  }

  /// This one without its record's values.
  std::shared_ptr<const SeriesRecord> WithoutValues() const {
    return std::make_shared<const SeriesRecord>(SeriesRecord{
        Record::Empty(record.dtype(), record.num_observations()), digest, shape, worker,
        /*dropped=*/true});
  }
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SERIES_RECORD_H_
