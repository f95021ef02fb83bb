#ifndef CALIPERS_TESTS_BENCH_ROW_H_
#define CALIPERS_TESTS_BENCH_ROW_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace calipers::bench {

/// One line of the table. `limit` and the peers are figures of other servers, in the same unit. A
/// limit of 0 means that there is no limit.
struct Row {
  std::string name = {};
  std::string unit = {};
  double calipers = 0;
  double limit = 0;
  bool less_is_better = false;
  std::vector<std::pair<std::string, double>> peers = {};
};

/// A line that can be measured. The result of `measure` has no name.
struct RowMaker {
  std::string name;
  std::function<Row()> measure;
};

/// The value below which `share` of the values lie; 0.5 gives the median.
double Quantile(std::vector<double> values, double share);

inline double Median(std::vector<double> values) { return Quantile(std::move(values), 0.5); }

/// Writes the rows in the format of tests/bench/report.py.
void WriteJson(const std::string& path, const std::vector<Row>& rows);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_ROW_H_
