#include "core/reduce/statistic_values.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace calipers {

absl::StatusOr<StatisticValues> StatisticValues::Make(std::vector<StatisticValue> values) {
  StatisticValues made;
  if (values.empty()) return made;
  const auto by_name = [](const StatisticValue& a, const StatisticValue& b) {
    return a.name < b.name;
  };
  std::sort(values.begin(), values.end(), by_name);
  for (std::size_t i = 1; i < values.size(); ++i) {
    if (values[i].name == values[i - 1].name) {
      return absl::InvalidArgumentError(
          absl::StrCat("the statistic ", values[i].name, " is given twice"));
    }
  }
  made.values_ = std::make_shared<const std::vector<StatisticValue>>(std::move(values));
  return made;
}

absl::Span<const StatisticValue> StatisticValues::values() const {
  return values_ == nullptr ? absl::Span<const StatisticValue>() : absl::MakeConstSpan(*values_);
}

const std::string* StatisticValues::Find(absl::string_view name) const {
  for (const StatisticValue& each : values()) {
    if (each.name == name) return &each.value;
  }
  return nullptr;
}

std::size_t StatisticValues::heap_bytes() const {
  std::size_t bytes = 0;
  for (const StatisticValue& each : values()) {
    bytes += sizeof(each) + each.name.capacity() + each.value.capacity();
  }
  return bytes;
}

}  // namespace calipers
