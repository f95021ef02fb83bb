#ifndef CALIPERS_CORE_REDUCE_STATISTIC_VALUES_H_
#define CALIPERS_CORE_REDUCE_STATISTIC_VALUES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace calipers {

/// The value of one statistic. See Statistic for the layout.
struct StatisticValue {
  std::string name;
  std::string value;

  friend bool operator==(const StatisticValue&, const StatisticValue&) = default;
};

/// The values of a record's statistics, in the order of their names. Copies share the values. Most
/// records have no statistics; then this object is as small as two pointers.
class StatisticValues {
 public:
  StatisticValues() = default;

  /// INVALID_ARGUMENT if a name occurs twice.
  static absl::StatusOr<StatisticValues> Make(std::vector<StatisticValue> values);

  bool empty() const { return values_ == nullptr; }
  absl::Span<const StatisticValue> values() const;

  /// The value of the statistic with this name, or null.
  const std::string* Find(absl::string_view name) const;

  /// Bytes on the heap, for budgets.
  std::size_t heap_bytes() const;

  friend bool operator==(const StatisticValues& a, const StatisticValues& b) {
    return a.values() == b.values();
  }

 private:
  // Null if there are none.
  std::shared_ptr<const std::vector<StatisticValue>> values_;
};

}  // namespace calipers

#endif  // CALIPERS_CORE_REDUCE_STATISTIC_VALUES_H_
