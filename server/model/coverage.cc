#include "server/model/coverage.h"

#include <cstddef>
#include <limits>

namespace calipers::server {
namespace {

// Maximum number of workers that are counted separately. It is limited because clients choose the
// names.
constexpr std::size_t kMaxWorkers = 4096;
constexpr char kOtherWorkers[] = "(others)";

std::int64_t SaturatingSum(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

Tally& TallyOf(absl::btree_map<std::string, Tally>& workers, const std::string& worker) {
  const auto it = workers.find(worker);
  if (it != workers.end()) return it->second;
  return workers[workers.size() < kMaxWorkers ? worker : kOtherWorkers];
}

}  // namespace

void Tally::Add(const Tally& other) {
  batches = SaturatingSum(batches, other.batches);
  tokens = SaturatingSum(tokens, other.tokens);
}

void SeriesCoverage::Add(const SessionSpec& spec, const SeriesRecord& observed) {
  const Record& record = observed.record;
  count += 1;
  num_observations = SaturatingSum(num_observations, record.num_observations());
  if (!LeftOut(spec.non_finite_policy, record)) folded_count += 1;
  if (record.empty()) empty_batches += 1;
  TallyOf(workers, *observed.worker).Add({1, record.num_observations()});
}

}  // namespace calipers::server
