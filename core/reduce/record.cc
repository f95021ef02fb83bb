#include "core/reduce/record.h"

#include <array>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "core/tensor/element_load.h"

namespace calipers {
namespace {

void StoreNan(Dtype dtype, std::byte* min, std::byte* max) {
  StoreElement(dtype, std::numeric_limits<double>::quiet_NaN(), min);
  StoreElement(dtype, std::numeric_limits<double>::quiet_NaN(), max);
}

// If one end is NaN, sets both ends to the canonical NaN.
void Canonicalize(Dtype dtype, std::byte* min, std::byte* max) {
  if (IsNan(dtype, min) || IsNan(dtype, max)) StoreNan(dtype, min, max);
}

absl::Status CheckSizes(Dtype dtype, std::int64_t num_observations, std::size_t min,
                        std::size_t max, std::size_t global_min, std::size_t global_max) {
  const std::size_t size = ByteSize(dtype);
  if (num_observations < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("num_observations is ", num_observations, "; it may not be negative"));
  }
  if (min == 0 || min % size != 0 || max != min || global_max != global_min ||
      (global_min != size && global_min != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("min has ", min, " bytes, max ", max, ", global_min ", global_min,
                     ", global_max ", global_max, "; min and max take ", size, " bytes of ",
                     DtypeName(dtype), " a parameter, the global pair ", size, " each or none"));
  }
  return absl::OkStatus();
}

}  // namespace

Record Record::Empty(Dtype dtype, std::int64_t num_observations) {
  Record record;
  record.dtype_ = dtype;
  record.num_observations_ = num_observations;
  return record;
}

absl::StatusOr<Record> Record::Make(Dtype dtype, std::int64_t num_observations,
                                    absl::Span<const std::byte> min,
                                    absl::Span<const std::byte> max,
                                    absl::Span<const std::byte> global_min,
                                    absl::Span<const std::byte> global_max) {
  RETURN_IF_ERROR(CheckSizes(dtype, num_observations, min.size(), max.size(), global_min.size(),
                             global_max.size()));
  const RangeSummary summary = Summarize(dtype, min, max);
  const std::size_t size = ByteSize(dtype);
  const bool derived = global_min.empty();
  if (derived) {
    global_min = min.subspan(summary.least * size, size);
    global_max = max.subspan(summary.greatest * size, size);
  }
  std::vector<std::byte> values;
  values.reserve(2 * (min.size() + size));
  for (const auto& part : {min, max, global_min, global_max}) {
    values.insert(values.end(), part.begin(), part.end());
  }
  std::byte* const lowest = values.data() + 2 * min.size();
  Canonicalize(dtype, lowest, lowest + size);
  if (derived && summary.saw_nan) StoreNan(dtype, lowest, lowest + size);
  for (std::size_t i = 0; summary.saw_nan && i < min.size(); i += size) {
    Canonicalize(dtype, values.data() + i, values.data() + min.size() + i);
  }
  Record record =
      FromReduced(dtype, num_observations, std::move(values), {summary.saw_nan, summary.saw_inf});
  RETURN_IF_ERROR(record.CheckOrder(summary));
  return record;
}

Record Record::FromReduced(Dtype dtype, std::int64_t num_observations,
                           std::vector<std::byte> values, const Specials& specials) {
  Record record = Empty(dtype, num_observations);
  record.values_ = std::move(values);
  record.saw_nan_ = specials.nan;
  record.saw_inf_ = specials.inf;
  return record;
}

Record Record::WithStatistics(StatisticValues statistics) && {
  assert(statistics.empty() || !empty());
  statistics_ = std::move(statistics);
  return std::move(*this);
}

absl::Status Record::CheckOrder(const RangeSummary& summary) const {
  if (summary.crossed) {
    return absl::InvalidArgumentError(
        absl::StrCat("min is above max in parameter ", *summary.crossed));
  }
  const bool global_nan = IsNan(dtype_, global_min().data());
  if (global_nan != saw_nan_) {
    return absl::InvalidArgumentError(absl::StrCat("the global range is ", global_nan ? "" : "not ",
                                                   "NaN and the parameters' ranges are ",
                                                   saw_nan_ ? "" : "not"));
  }
  if (!global_nan && CompareElements(dtype_, global_min().data(), global_max().data()) > 0) {
    return absl::InvalidArgumentError("global_min is above global_max");
  }
  if (saw_nan_) return absl::OkStatus();
  const bool below = CompareElements(dtype_, MinOf(summary.least).data(), global_min().data()) <= 0;
  const bool above =
      CompareElements(dtype_, MaxOf(summary.greatest).data(), global_max().data()) >= 0;
  if (below && above) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      below ? "global_max is above the greatest max" : "global_min is below the least min",
      ": the tensor's own range lies within its parameters'"));
}

absl::Status Record::CheckAgainst(const View& view) const {
  if (empty() || saw_nan_) return absl::OkStatus();
  if (view.IsPadded()) return CheckPadding(view);
  const RangeSummary summary = Summarize(dtype_, min(), max());
  if (MinOf(summary.least) != global_min() || MaxOf(summary.greatest) != global_max()) {
    return absl::InvalidArgumentError(
        "the global range is not the parameters' extremes, and nothing is padded");
  }
  return absl::OkStatus();
}

absl::Status Record::CheckPadding(const View& view) const {
  constexpr std::array<std::byte, 8> kZero{};
  for (std::size_t p = 0; p < num_params(); ++p) {
    if (view.IsPadded(static_cast<std::int64_t>(p)) &&
        (CompareElements(dtype_, kZero.data(), MinOf(p).data()) < 0 ||
         CompareElements(dtype_, kZero.data(), MaxOf(p).data()) > 0)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "parameter ", p, " covers padding, which is zeros, and its range does not hold zero"));
    }
  }
  return absl::OkStatus();
}

absl::Span<const std::byte> Record::MinOf(std::size_t param) const {
  return min().subspan(param * ByteSize(dtype_), ByteSize(dtype_));
}

absl::Span<const std::byte> Record::MaxOf(std::size_t param) const {
  return max().subspan(param * ByteSize(dtype_), ByteSize(dtype_));
}

std::size_t Record::num_params() const {
  return values_.empty() ? 0 : values_.size() / ByteSize(dtype_) / 2 - 1;
}

absl::Span<const std::byte> Record::min() const {
  return absl::MakeConstSpan(values_).subspan(0, num_params() * ByteSize(dtype_));
}

absl::Span<const std::byte> Record::max() const {
  const std::size_t bytes = num_params() * ByteSize(dtype_);
  return absl::MakeConstSpan(values_).subspan(bytes, bytes);
}

absl::Span<const std::byte> Record::global_min() const {
  const std::size_t size = ByteSize(dtype_);
  return empty() ? absl::Span<const std::byte>()
                 : absl::MakeConstSpan(values_).last(2 * size).first(size);
}

absl::Span<const std::byte> Record::global_max() const {
  return empty() ? absl::Span<const std::byte>()
                 : absl::MakeConstSpan(values_).last(ByteSize(dtype_));
}

}  // namespace calipers
