#include "core/reducer.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/minmax_kernels.h"

namespace calipers {
namespace {

std::int64_t ElementBytes(Dtype dtype) { return static_cast<std::int64_t>(ByteSize(dtype)); }

// The lower (sign -1) or higher (+1) of two elements, left in `into`.
void TakeExtreme(Dtype dtype, int sign, const std::byte* element, std::byte* into) {
  if (sign * CompareElements(dtype, element, into) > 0) {
    std::memcpy(into, element, ByteSize(dtype));
  }
}

}  // namespace

std::int64_t Reducer::StateBytes(Dtype dtype, const View& view) {
  constexpr std::int64_t kFixed = 256;
  const std::int64_t each =
      static_cast<std::int64_t>(AccumulatorBytes(dtype)) + 2 * ElementBytes(dtype);
  const std::int64_t params = view.num_elements() == 0 ? 0 : view.num_params();
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  return params > (kMost - kFixed) / each ? kMost : params * each + kFixed;
}

Reducer::Reducer(Dtype dtype, View view, std::int64_t num_observations)
    : dtype_(dtype),
      view_(std::move(view)),
      num_observations_(num_observations),
      total_bytes_(view_.num_elements() * ElementBytes(dtype)) {
  if (total_bytes_ == 0) return;
  state_.resize(static_cast<std::size_t>(view_.num_params()) * AccumulatorBytes(dtype));
  ClearAccumulators(dtype, view_.num_params(), state_.data());
}

absl::Status Reducer::Update(absl::Span<const std::byte> piece) {
  if (static_cast<std::int64_t>(piece.size()) > remaining_bytes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the tensor has ", total_bytes_, " bytes by its dtype and shape; ",
                     seen_bytes_, " had come and ", piece.size(), " more were given"));
  }
  if (piece.empty()) return absl::OkStatus();  // It may have no address to copy from.
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
  const std::size_t each = AccumulatorBytes(dtype_);
  while (count > 0) {
    const std::int64_t row = next_element_ / view_.row_length;
    const std::int64_t column = next_element_ % view_.row_length;
    const std::int64_t param =
        row / view_.reduced_outer * view_.kept_inner + column / view_.reduced_inner;
    const std::int64_t in_row = std::min(count, view_.row_length - column);
    Accumulate(dtype_, data, in_row, view_.reduced_inner - column % view_.reduced_inner,
               view_.reduced_inner, state_.data() + static_cast<std::size_t>(param) * each);
    data += in_row * ElementBytes(dtype_);
    next_element_ += in_row;
    count -= in_row;
  }
}

absl::StatusOr<Record> Reducer::Finish() && {
  if (remaining_bytes() > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the tensor has ", total_bytes_, " bytes by its dtype and shape; ", seen_bytes_, " came"));
  }
  if (total_bytes_ == 0) return Record::Empty(dtype_, num_observations_);
  const std::size_t size = ByteSize(dtype_);
  const auto params = static_cast<std::size_t>(view_.num_params());
  std::vector<std::byte> values(2 * (params + 1) * size);
  std::byte* const min = values.data();
  std::byte* const max = min + params * size;
  // The tensor's own range, which knows nothing of padding.
  std::byte* const global_min = max + params * size;
  std::byte* const global_max = global_min + size;
  std::array<std::byte, 8> zero{};
  bool has_nan = false;
  for (std::size_t p = 0; p < params; ++p) {
    std::byte* const low = min + p * size;
    std::byte* const high = max + p * size;
    if (!AccumulatedRange(dtype_, state_.data() + p * AccumulatorBytes(dtype_), low, high)) {
      std::memcpy(global_min, low, size);
      std::memcpy(global_max, high, size);
      has_nan = true;
      continue;
    }
    if (p == 0) {
      std::memcpy(global_min, low, size);
      std::memcpy(global_max, high, size);
    } else if (!has_nan) {
      TakeExtreme(dtype_, -1, low, global_min);
      TakeExtreme(dtype_, +1, high, global_max);
    }
    if (view_.IsPadded(static_cast<std::int64_t>(p))) {
      TakeExtreme(dtype_, -1, zero.data(), low);
      TakeExtreme(dtype_, +1, zero.data(), high);
    }
  }
  return Record::FromReduced(dtype_, num_observations_, std::move(values));
}

}  // namespace calipers
