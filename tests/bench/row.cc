#include "tests/bench/row.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

namespace calipers::bench {
namespace {

nlohmann::ordered_json ToJson(const Row& row) {
  nlohmann::ordered_json peers = nlohmann::ordered_json::object();
  for (const auto& [name, value] : row.peers) peers[name] = value;
  nlohmann::ordered_json json = {{"name", row.name}, {"unit", row.unit}, {"calipers", row.calipers},
                                 {"limit", nullptr}, {"ratio", nullptr}, {"peers", peers}};
  if (row.limit > 0) {
    json["limit"] = row.limit;
    json["ratio"] = row.less_is_better ? row.limit / row.calipers : row.calipers / row.limit;
  }
  return json;
}

}  // namespace

double Quantile(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

void WriteJson(const std::string& path, const std::vector<Row>& rows) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (const Row& row : rows) json.push_back(ToJson(row));
  std::ofstream(path) << json.dump(2) << '\n';
}

}  // namespace calipers::bench
