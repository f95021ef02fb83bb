#include "client/cli/commands/nearest_name.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace calipers::client {
namespace {

// The Levenshtein distance, row by row.
std::size_t Distance(absl::string_view from, absl::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string NearestName(absl::string_view given, const std::vector<std::string>& names) {
  std::string nearest;
  std::size_t least = std::min<std::size_t>(3, given.size());
  for (const std::string& name : names) {
    const std::size_t distance = Distance(given, name);
    if (distance >= least) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace calipers::client
