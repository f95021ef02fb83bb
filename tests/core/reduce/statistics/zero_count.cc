#include "tests/core/reduce/statistics/zero_count.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/tensor/element.h"

namespace calipers::testing {
namespace {

constexpr std::size_t kSize = 8;

std::uint64_t Count(absl::string_view value) {
  std::uint64_t count = 0;
  for (std::size_t i = kSize; i-- > 0;) {
    count = count << 8 | static_cast<unsigned char>(value[i]);
  }
  return count;
}

absl::Status CheckSize(absl::string_view value) {
  if (value.size() == kSize) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a count of zeros has ", kSize, " bytes, not ", value.size()));
}

class ZeroCountReducer final : public StatisticReducer {
 public:
  explicit ZeroCountReducer(Dtype dtype) : dtype_(dtype) {}

  void Update(const std::byte* elements, std::int64_t count) override {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::byte* const element = elements + static_cast<std::size_t>(i) * ByteSize(dtype_);
      zeros_ += LoadElement(dtype_, element) == 0 ? 1 : 0;
    }
  }
  std::string Finish() override { return ZeroCountValue(zeros_); }

 private:
  const Dtype dtype_;
  std::uint64_t zeros_ = 0;
};

class ZeroCountFold final : public StatisticFold {
 public:
  void Add(absl::string_view value) override { zeros_ += Count(value); }
  std::string Answer() const override { return ZeroCountValue(zeros_); }
  std::unique_ptr<StatisticFold> Clone() const override {
    return std::make_unique<ZeroCountFold>(*this);
  }
  std::string SaveState() const override { return Answer(); }
  absl::Status RestoreState(absl::string_view state) override {
    absl::Status status = CheckSize(state);
    if (status.ok()) zeros_ = Count(state);
    return status;
  }
  std::size_t bytes() const override { return sizeof(*this); }

 private:
  std::uint64_t zeros_ = 0;
};

class ZeroCountStatistic final : public Statistic {
 public:
  absl::string_view name() const override { return "zero_count"; }
  bool in_digest() const override { return true; }

  absl::Status CheckSession(BaseName base_name, const QuantizationArgs&) const override {
    if (base_name == BaseName::kInput) return absl::OkStatus();
    return absl::InvalidArgumentError("zero_count is for inputs only");
  }
  std::int64_t StateBytes(Dtype, const View&) const override { return kSize; }
  std::unique_ptr<StatisticReducer> NewReducer(Dtype dtype, const View&) const override {
    return std::make_unique<ZeroCountReducer>(dtype);
  }
  absl::Status Check(Dtype, const View& view, absl::string_view value) const override {
    absl::Status status = CheckSize(value);
    if (!status.ok()) return status;
    if (Count(value) <= static_cast<std::uint64_t>(view.num_elements())) return status;
    return absl::InvalidArgumentError(absl::StrCat("the tensor has ", view.num_elements(),
                                                   " elements and ", Count(value), " zeros"));
  }
  absl::StatusOr<std::string> Merge(absl::string_view first,
                                    absl::string_view second) const override {
    return ZeroCountValue(Count(first) + Count(second));
  }
  std::unique_ptr<StatisticFold> NewFold() const override {
    return std::make_unique<ZeroCountFold>();
  }
};

}  // namespace

const Statistic* ZeroCount() {
  static const ZeroCountStatistic kStatistic;
  return &kStatistic;
}

std::string ZeroCountValue(std::uint64_t zeros) {
  std::string value;
  for (std::size_t i = 0; i < kSize; ++i) value += static_cast<char>(zeros >> (8 * i));
  return value;
}

}  // namespace calipers::testing
