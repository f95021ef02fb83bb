#include "core/fold/folded_state.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace calipers {
namespace {

// The beginning of a saved state. The values follow it.
struct SavedHeader {
  std::uint8_t version;
  std::uint8_t arithmetic;
  std::uint8_t dtype;
  std::uint8_t zero[5];
  std::uint64_t num_params;
};
static_assert(sizeof(SavedHeader) == 16 && std::endian::native == std::endian::little);
constexpr std::uint8_t kVersion = 1;

absl::Status Damaged(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("the observer's saved state ", what));
}

}  // namespace

void FoldedState::Replace(const Record& record) {
  assert(!record.empty());
  assert(arithmetic_ == Arithmetic::kExact || !IsFloat8(record.dtype()));
  assert(empty() || (record.dtype() == dtype_ && record.num_params() == num_params_));
  dtype_ = record.dtype();
  num_params_ = record.num_params();
  values_.resize(2 * num_params_ + 2);
  Fold(FoldStep::kReplace, 0, record.values(), 0);
}

void FoldedState::Widen(const Record& record) {
  if (empty()) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  const std::size_t n = num_params_;
  Fold(FoldStep::kLower, 0, record.min(), 0);
  Fold(FoldStep::kUpper, 0, record.max(), n);
  Fold(FoldStep::kLower, 0, record.global_min(), 2 * n);
  Fold(FoldStep::kUpper, 0, record.global_max(), 2 * n + 1);
}

void FoldedState::Average(const Record& record, double c) {
  if (empty() || c == 1.0) return Replace(record);
  assert(record.dtype() == dtype_ && record.num_params() == num_params_);
  Fold(FoldStep::kAverage, c, record.values(), 0);
}

void FoldedState::Fold(FoldStep step, double c, absl::Span<const std::byte> elements,
                       std::size_t at) {
  FoldValues(dtype_, arithmetic_, step, c, elements.data(),
             absl::MakeSpan(values_).subspan(at, elements.size() / ByteSize(dtype_)));
}

Dtype FoldedState::AnswerDtype() const {
  if (arithmetic_ == Arithmetic::kExact) return Dtype::kF64;
  return IsFloat(dtype_) ? dtype_ : Dtype::kF32;
}

FoldedRange FoldedState::Answer() const {
  assert(!empty());
  return ToFoldedRange(AnswerDtype(), values_);
}

std::string FoldedState::Save() const {
  const SavedHeader header{.version = kVersion,
                           .arithmetic = static_cast<std::uint8_t>(arithmetic_),
                           .dtype = static_cast<std::uint8_t>(dtype_),
                           .zero = {},
                           .num_params = num_params_};
  std::string saved(sizeof(header) + values_.size() * sizeof(double), '\0');
  std::memcpy(saved.data(), &header, sizeof(header));
  if (!values_.empty()) {
    std::memcpy(saved.data() + sizeof(header), values_.data(), values_.size() * sizeof(double));
  }
  return saved;
}

absl::Status FoldedState::Restore(absl::string_view saved) {
  SavedHeader header;
  if (saved.size() < sizeof(header)) return Damaged("is cut short");
  std::memcpy(&header, saved.data(), sizeof(header));
  saved.remove_prefix(sizeof(header));
  if (header.version != kVersion) {
    return Damaged(absl::StrCat("is of version ", header.version, "; ", kVersion, " is known"));
  }
  if (header.arithmetic != static_cast<std::uint8_t>(arithmetic_)) {
    return Damaged("was folded in another arithmetic");
  }
  const auto dtype = std::find_if(kAllDtypes.begin(), kAllDtypes.end(), [&](Dtype known) {
    return static_cast<std::uint8_t>(known) == header.dtype;
  });
  if (dtype == kAllDtypes.end() || (arithmetic_ == Arithmetic::kReference && IsFloat8(*dtype))) {
    return Damaged(absl::StrCat("has a dtype of number ", header.dtype));
  }
  const std::size_t count = saved.size() / sizeof(double);
  const bool fits = header.num_params == 0
                        ? saved.empty()
                        : count % 2 == 0 && count >= 4 && header.num_params == count / 2 - 1 &&
                              saved.size() % sizeof(double) == 0;
  if (!fits) {
    return Damaged(absl::StrCat("has ", saved.size(), " bytes of values for ", header.num_params,
                                " parameters"));
  }
  dtype_ = *dtype;
  num_params_ = static_cast<std::size_t>(header.num_params);
  values_.resize(count);
  if (count > 0) std::memcpy(values_.data(), saved.data(), saved.size());
  return absl::OkStatus();
}

}  // namespace calipers
