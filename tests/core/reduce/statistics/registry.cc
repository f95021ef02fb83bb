// Replaces core/reduce/statistics/registry.cc in the programs that link this file.

#include "core/reduce/statistics/registry.h"

#include "tests/core/reduce/statistics/zero_count.h"

namespace calipers {

absl::Span<const Statistic* const> RegisteredStatistics() {
  static const Statistic* const kStatistics[] = {testing::ZeroCount()};
  return kStatistics;
}

}  // namespace calipers
