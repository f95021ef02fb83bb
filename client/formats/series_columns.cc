#include "client/formats/series_columns.h"

#include "absl/strings/str_cat.h"
#include "client/formats/as_bytes.h"
#include "client/formats/record_from_proto.h"
#include "client/formats/run_file_format.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

namespace names = run_file;

// Numbers are little-endian in the file and in memory (core/tensor/element_load.h).
absl::Span<const std::byte> BytesOf(const std::int64_t& number) {
  return {reinterpret_cast<const std::byte*>(&number), sizeof(number)};
}

}  // namespace

absl::StatusOr<SeriesColumns> SeriesColumns::Make(SafetensorsWriter* file, std::string session_id) {
  SeriesColumns columns(file, std::move(session_id));
  for (Column* const column : {&columns.index_, &columns.num_observations_, &columns.worker_,
                               &columns.rank_, &columns.shape_}) {
    ASSIGN_OR_RETURN(*column, file->Begin(Dtype::kI64));
  }
  ASSIGN_OR_RETURN(columns.digest_, file->Begin(Dtype::kU8));
  ASSIGN_OR_RETURN(columns.has_values_, file->Begin(Dtype::kU8));
  return columns;
}

absl::Status SeriesColumns::AddNumber(Column column, std::int64_t number) {
  return file_->Append(column, BytesOf(number));
}

absl::Status SeriesColumns::Add(const v1::SeriesRecord& record) {
  const v1::ReducedObservation& observation = record.observation();
  const v1::ObservationHeader& header = observation.header();
  // If every record is empty, the dtype of the first one is written.
  const bool has_elements = !IsEmpty(record);
  if (size_ == 0 || (has_elements && !has_elements_)) dtype_ = header.dtype();
  has_elements_ = has_elements_ || has_elements;
  if (has_elements && header.dtype() != dtype_) {
    return absl::InvalidArgumentError(absl::StrCat("record ", header.index(), " of ", session_id_,
                                                   " is of dtype ", header.dtype(),
                                                   "; those before it are of ", dtype_));
  }
  const auto worker = worker_numbers_.emplace(record.worker(), workers_.size());
  if (worker.second) workers_.push_back(record.worker());
  RETURN_IF_ERROR(AddNumber(index_, header.index()));
  RETURN_IF_ERROR(AddNumber(num_observations_, header.num_observations()));
  RETURN_IF_ERROR(AddNumber(worker_, worker.first->second));
  RETURN_IF_ERROR(AddNumber(rank_, header.shape_size()));
  for (const std::int64_t dimension : header.shape()) {
    RETURN_IF_ERROR(AddNumber(shape_, dimension));
  }
  dimensions_ += header.shape_size();
  RETURN_IF_ERROR(file_->Append(digest_, AsBytes(record.digest())));
  const std::byte has_values{!observation.min().empty()};
  RETURN_IF_ERROR(file_->Append(has_values_, {&has_values, 1}));
  ++size_;
  return observation.min().empty() ? absl::OkStatus() : AddValues(observation);
}

absl::Status SeriesColumns::AddValues(const v1::ReducedObservation& observation) {
  if (size_with_values_ == 0) {
    ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(dtype_));
    for (Column& column : values_) {
      ASSIGN_OR_RETURN(column, file_->Begin(dtype));
    }
    for (const v1::Statistic& statistic : observation.statistics()) {
      ASSIGN_OR_RETURN(const Column values, file_->Begin(Dtype::kU8));
      ASSIGN_OR_RETURN(const Column ends, file_->Begin(Dtype::kI64));
      statistics_.push_back({statistic.name(), values, ends});
    }
  }
  ++size_with_values_;
  RETURN_IF_ERROR(AddStatistics(observation));
  RETURN_IF_ERROR(file_->Append(values_[0], AsBytes(observation.min())));
  RETURN_IF_ERROR(file_->Append(values_[1], AsBytes(observation.max())));
  RETURN_IF_ERROR(file_->Append(values_[2], AsBytes(observation.global_min())));
  return file_->Append(values_[3], AsBytes(observation.global_max()));
}

absl::Status SeriesColumns::AddStatistics(const v1::ReducedObservation& observation) {
  const int given = observation.statistics_size();
  for (std::size_t i = 0; i < statistics_.size(); ++i) {
    StatisticColumns& columns = statistics_[i];
    const int at = static_cast<int>(i);
    if (at >= given || observation.statistics(at).name() != columns.name) {
      return absl::InvalidArgumentError(absl::StrCat("record ", observation.header().index(),
                                                     " of ", session_id_, " lacks the statistic ",
                                                     columns.name));
    }
    const std::string& value = observation.statistics(at).value();
    RETURN_IF_ERROR(file_->Append(columns.values, AsBytes(value)));
    columns.bytes += static_cast<std::int64_t>(value.size());
    RETURN_IF_ERROR(AddNumber(columns.ends, columns.bytes));
  }
  if (given <= static_cast<int>(statistics_.size())) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("record ", observation.header().index(), " of ", session_id_, " has ", given,
                   " statistics; those before it have ", statistics_.size()));
}

absl::Status SeriesColumns::EndStatistics() {
  for (const StatisticColumns& columns : statistics_) {
    const std::string name = absl::StrCat(names::kStatistics, "/", columns.name);
    RETURN_IF_ERROR(EndColumn(columns.values, name, {columns.bytes}));
    RETURN_IF_ERROR(
        EndColumn(columns.ends, absl::StrCat(name, "/", names::kEnd), {size_with_values_}));
  }
  return absl::OkStatus();
}

absl::Status SeriesColumns::EndColumn(Column column, absl::string_view name,
                                      const std::vector<std::int64_t>& shape) {
  return file_->End(column, absl::StrCat(session_id_, "/", name), shape);
}

absl::Status SeriesColumns::End(const std::vector<std::int64_t>& qparam_shape) {
  RETURN_IF_ERROR(EndColumn(index_, names::kIndex, {size_}));
  RETURN_IF_ERROR(EndColumn(num_observations_, names::kNumObservations, {size_}));
  RETURN_IF_ERROR(EndColumn(worker_, names::kWorker, {size_}));
  RETURN_IF_ERROR(EndColumn(rank_, names::kRank, {size_}));
  RETURN_IF_ERROR(EndColumn(shape_, names::kShape, {dimensions_}));
  RETURN_IF_ERROR(EndColumn(digest_, names::kDigest, {size_, names::kDigestBytes}));
  RETURN_IF_ERROR(EndColumn(has_values_, names::kHasValues, {size_}));
  if (size_with_values_ == 0) return absl::OkStatus();
  RETURN_IF_ERROR(EndStatistics());
  std::vector<std::int64_t> rows = {size_with_values_};
  rows.insert(rows.end(), qparam_shape.begin(), qparam_shape.end());
  RETURN_IF_ERROR(EndColumn(values_[0], names::kMin, rows));
  RETURN_IF_ERROR(EndColumn(values_[1], names::kMax, rows));
  RETURN_IF_ERROR(EndColumn(values_[2], names::kGlobalMin, {size_with_values_}));
  return EndColumn(values_[3], names::kGlobalMax, {size_with_values_});
}

}  // namespace calipers::client
