#include "client/formats/record_from_proto.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/formats/as_bytes.h"
#include "core/status_macros.h"

namespace calipers::client {

bool IsEmpty(const v1::SeriesRecord& record) {
  const auto& shape = record.observation().header().shape();
  return std::find(shape.begin(), shape.end(), 0) != shape.end();
}

bool IsDropped(const v1::SeriesRecord& record) {
  return record.observation().min().empty() && !IsEmpty(record);
}

absl::StatusOr<Record> ToRecord(const v1::SeriesRecord& record) {
  const v1::ReducedObservation& observation = record.observation();
  const v1::ObservationHeader& header = observation.header();
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(header.dtype()));
  if (IsEmpty(record)) return Record::Empty(dtype, header.num_observations());
  if (IsDropped(record)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the values of record ", header.index(), " were dropped"));
  }
  std::vector<StatisticValue> values;
  for (const v1::Statistic& statistic : observation.statistics()) {
    values.push_back({statistic.name(), statistic.value()});
  }
  ASSIGN_OR_RETURN(StatisticValues statistics, StatisticValues::Make(std::move(values)));
  ASSIGN_OR_RETURN(Record made,
                   Record::Make(dtype, header.num_observations(), AsBytes(observation.min()),
                                AsBytes(observation.max()), AsBytes(observation.global_min()),
                                AsBytes(observation.global_max())));
  return std::move(made).WithStatistics(std::move(statistics));
}

}  // namespace calipers::client
