#include "core/reduce/reducer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

std::int64_t ElementBytes(Dtype dtype) { return static_cast<std::int64_t>(ByteSize(dtype)); }

// If rows share no parameters and every run is complete, the runs of all rows follow each other,
// each with the next parameter. Then the rows are joined to one row.
View InOneRow(View view) {
  if (view.reduced_outer == 1 && view.row_length % view.reduced_inner == 0) {
    view.row_length = view.num_elements();
    view.rows = 1;
    view.kept_inner = view.num_params();
    view.kept_outer = 1;
  }
  return view;
}

}  // namespace

std::int64_t Reducer::StateBytes(Dtype dtype, const View& view, const StatisticSet& statistics) {
  constexpr std::int64_t kFixed = 256;
  const auto each = static_cast<std::int64_t>(2 * ByteSize(dtype));
  const std::int64_t params = view.num_elements() == 0 ? 0 : view.num_params();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t bytes = params > (kMost - kFixed) / each ? kMost : params * each + kFixed;
  for (const Statistic* const statistic : statistics) {
    const std::int64_t more = statistic->StateBytes(dtype, view);
    bytes = more > kMost - bytes ? kMost : bytes + more;
  }
  return bytes;
}

std::vector<Reducer::Part> Reducer::NewParts(Dtype dtype, const View& view,
                                             const StatisticSet& statistics) {
  std::vector<Part> parts;
  if (view.num_elements() == 0) return parts;
  for (const Statistic* const statistic : statistics) {
    parts.push_back({statistic, statistic->NewReducer(dtype, view)});
  }
  return parts;
}

Reducer::Reducer(Dtype dtype, View view, std::int64_t num_observations,
                 const StatisticSet& statistics)
    : dtype_(dtype),
      parts_(NewParts(dtype, view, statistics)),
      view_(InOneRow(std::move(view))),
      num_observations_(num_observations),
      total_bytes_(view_.num_elements() * ElementBytes(dtype)),
      accumulators_(dtype, total_bytes_ == 0 ? 0 : view_.num_params()) {}

absl::Status Reducer::CheckRemain(std::size_t bytes) const {
  if (bytes <= static_cast<std::size_t>(remaining_bytes())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the tensor has ", total_bytes_,
                                                 " bytes by its dtype and shape; ", seen_bytes_,
                                                 " had come and ", bytes, " more were given"));
}

absl::Status Reducer::Update(absl::Span<const std::byte> piece) {
  RETURN_IF_ERROR(CheckRemain(piece.size()));
  if (piece.empty()) return absl::OkStatus();  // An empty piece may have no address.
  const std::size_t size = ByteSize(dtype_);
  if (partial_size_ > 0) {
    const std::size_t taken = std::min(size - partial_size_, piece.size());
    std::memcpy(partial_.data() + partial_size_, piece.data(), taken);
    partial_size_ += taken;
    piece.remove_prefix(taken);
    seen_bytes_ += static_cast<std::int64_t>(taken);
    if (partial_size_ < size) return absl::OkStatus();
    ReduceElements(partial_.data(), 1);
    partial_size_ = 0;
  }
  const std::size_t whole = piece.size() / size;
  seen_bytes_ += static_cast<std::int64_t>(whole * size);
  ReduceElements(piece.data(), static_cast<std::int64_t>(whole));
  piece.remove_prefix(whole * size);
  std::copy(piece.begin(), piece.end(), partial_.begin());
  partial_size_ = piece.size();
  seen_bytes_ += static_cast<std::int64_t>(piece.size());
  return absl::OkStatus();
}

void Reducer::ReduceElements(const std::byte* data, std::int64_t count) {
  for (const Part& part : parts_) part.reducer->Update(data, count);
  ReduceRange(data, count);
}

void Reducer::ReduceRange(const std::byte* data, std::int64_t count) {
  while (count > 0) {
    const std::int64_t row = next_element_ / view_.row_length;
    const std::int64_t column = next_element_ % view_.row_length;
    const std::int64_t param =
        row / view_.reduced_outer * view_.kept_inner + column / view_.reduced_inner;
    const std::int64_t in_row = std::min(count, view_.row_length - column);
    // Whole rows that share their parameters are reduced in one call.
    const std::int64_t rows =
        column > 0 || in_row < view_.row_length
            ? 1
            : std::min(count / in_row, view_.reduced_outer - row % view_.reduced_outer);
    accumulators_.Reduce(data, in_row, param, view_.reduced_inner - column % view_.reduced_inner,
                         view_.reduced_inner, rows);
    data += rows * in_row * ElementBytes(dtype_);
    next_element_ += rows * in_row;
    count -= rows * in_row;
  }
}

absl::StatusOr<Record> Reducer::Finish() && {
  if (remaining_bytes() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the tensor has ", total_bytes_, " bytes by its dtype and shape; ", seen_bytes_, " came"));
  }
  if (total_bytes_ == 0) return Record::Empty(dtype_, num_observations_);
  Accumulators::Finished finished = std::move(accumulators_).Finish();
  for (std::int64_t p = 0; view_.IsPadded() && p < view_.num_params(); ++p) {
    if (view_.IsPadded(p)) AddPadding(p, finished.values);
  }
  Record record =
      Record::FromReduced(dtype_, num_observations_, std::move(finished.values), finished.specials);
  if (parts_.empty()) return record;
  std::vector<StatisticValue> values;
  for (const Part& part : parts_) {
    values.push_back({std::string(part.statistic->name()), part.reducer->Finish()});
  }
  ASSIGN_OR_RETURN(StatisticValues statistics, StatisticValues::Make(std::move(values)));
  return std::move(record).WithStatistics(std::move(statistics));
}

// Padding is zeros. It is added after the tensor's own range is computed, because it does not
// belong to that range.
void Reducer::AddPadding(std::int64_t param, std::vector<std::byte>& values) const {
  const std::size_t size = ByteSize(dtype_);
  std::byte* const min = values.data() + static_cast<std::size_t>(param) * size;
  std::byte* const max = min + static_cast<std::size_t>(view_.num_params()) * size;
  constexpr std::array<std::byte, 8> kZero{};
  if (IsNan(dtype_, min)) return;
  if (CompareElements(dtype_, kZero.data(), min) < 0) std::memcpy(min, kZero.data(), size);
  if (CompareElements(dtype_, kZero.data(), max) > 0) std::memcpy(max, kZero.data(), size);
}

}  // namespace calipers
