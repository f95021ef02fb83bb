#include "server/model/series_facts.h"

#include <cassert>

#include "absl/strings/str_cat.h"
#include "core/reduce/geometry.h"

namespace calipers::server {

void SeriesFacts::Add(const SessionSpec& spec, BatchIndex index, const SeriesRecord& observed,
                      absl::Span<const std::int64_t> record_shape) {
  const Record& record = observed.record;
  [[maybe_unused]] const bool is_new = indices.Insert(index);
  assert(is_new);
  if (!record.empty()) {
    if (!dtype) dtype = record.dtype();
    if (!qparam_shape) qparam_shape.emplace(record_shape.begin(), record_shape.end());
    assert(*dtype == record.dtype() && record_shape == absl::MakeConstSpan(*qparam_shape));
  }
  coverage.Add(spec, observed);
  assert(coverage.folded_count + coverage.empty_batches <= coverage.count);
}

SeriesSummary SeriesFacts::Summary() const {
  return {.count = coverage.count,
          .folded_count = coverage.folded_count,
          .num_observations = coverage.num_observations,
          .empty_batches = coverage.empty_batches,
          .contiguous_prefix = indices.ContiguousPrefix(),
          .end_index = indices.End(),
          .missing_range_count = indices.MissingRangeCount(),
          .conflict_count = conflict_count,
          .checkpoint_end = checkpoint_end,
          .sealed_count = sealed_count};
}

SeriesForm SeriesFacts::Form() const {
  SeriesForm form;
  form.dtype = dtype;
  if (qparam_shape) form.qparam_shape = *qparam_shape;
  return form;
}

absl::Status CheckFits(const SessionName& session, const SeriesForm& series,
                       const RecordForm& record) {
  if (record.empty) return absl::OkStatus();
  if (series.dtype && record.dtype != *series.dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype is ", DtypeName(record.dtype), "; session ", session.full(), " holds ",
                     DtypeName(*series.dtype), " records (reset it to use another dtype)"));
  }
  if (series.qparam_shape && record.qparam_shape != *series.qparam_shape) {
    return absl::InvalidArgumentError(
        absl::StrCat("the shape gives qparam shape ", ShapeText(record.qparam_shape), "; session ",
                     session.full(), " holds records of ", ShapeText(*series.qparam_shape)));
  }
  return absl::OkStatus();
}

}  // namespace calipers::server
