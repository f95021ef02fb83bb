// Compares a sweep of averaging constants over a series with an observer for each constant, and
// with one bare matrix product of the same shape and matrices in place. The three take turns.

#include <benchmark/benchmark.h>
#include <cblas.h>
#include <time.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/fold/observer.h"
#include "core/fold/sweep.h"
#include "core/reduce/record.h"

namespace calipers {
namespace {

constexpr int kConstants = 64;
constexpr int kRecords = 512;

std::vector<double> Constants() {
  std::vector<double> constants;
  // From 0.5 down to 0.001, evenly on a logarithmic scale.
  for (int i = 0; i < kConstants; ++i) constants.push_back(0.5 * std::pow(500, -i / 63.0));
  return constants;
}

std::vector<Record> Series(int params) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<float> value(0, 1);
  const auto ends = [&](float sign) {
    std::vector<std::byte> bytes(static_cast<std::size_t>(params) * sizeof(float));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
      const float end = sign * value(random);
      std::memcpy(&bytes[at], &end, sizeof(end));
    }
    return bytes;
  };
  std::vector<Record> series;
  for (int r = 0; r < kRecords; ++r) {
    series.push_back(Record::Make(Dtype::kF32, 1, ends(-1), ends(1), {}, {}).value());
  }
  return series;
}

void SweepOnce(const std::vector<double>& constants, const std::vector<Record>& series) {
  Sweep sweep = Sweep::Make(constants, Arithmetic::kExact, Weighting::kUniform).value();
  for (const Record& record : series) sweep.Add(record);
  for (std::size_t i = 0; i < constants.size(); ++i) benchmark::DoNotOptimize(sweep.Answer(i));
}

void ObserveEach(const std::vector<double>& constants, const std::vector<Record>& series) {
  for (const double constant : constants) {
    const auto observer = MakeObserver("minmax", {.averaging_constant = constant}).value();
    for (const Record& record : series) observer->Add(record);
    benchmark::DoNotOptimize(observer->Answer());
  }
}

// The product of weights (constants x records) and values (records x width).
class BareProduct {
 public:
  explicit BareProduct(int params)
      : width_(2 * params + 2),
        weights_(std::size_t{kConstants} * kRecords, 1.0 / kRecords),
        values_(static_cast<std::size_t>(kRecords) * static_cast<std::size_t>(width_), 1.0),
        averages_(static_cast<std::size_t>(kConstants) * static_cast<std::size_t>(width_)) {}

  void Compute() {
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, kConstants, width_, kRecords, 1.0,
                weights_.data(), kConstants, values_.data(), width_, 0.0, averages_.data(), width_);
    benchmark::DoNotOptimize(averages_.data());
    benchmark::ClobberMemory();
  }

 private:
  int width_;
  std::vector<double> weights_;
  std::vector<double> values_;
  std::vector<double> averages_;
};

// Processor time of this thread. All three use only this thread, and other load on the machine does
// not count.
double Seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void SweepAll(benchmark::State& state, int params) {
  const std::vector<double> constants = Constants();
  const std::vector<Record> series = Series(params);
  BareProduct product(params);
  double multiplying = 0;
  double observing = 0;
  for (auto _ : state) {
    const double begin = Seconds();
    SweepOnce(constants, series);
    const double swept = Seconds();
    product.Compute();
    const double multiplied = Seconds();
    ObserveEach(constants, series);
    observing += Seconds() - multiplied;
    multiplying += multiplied - swept;
    state.SetIterationTime(swept - begin);
  }
  const std::int64_t folds = state.iterations() * kConstants * kRecords;
  state.SetItemsProcessed(folds);
  state.counters["bare_product"] = static_cast<double>(folds) / multiplying;
  state.counters["an_observer_each"] = static_cast<double>(folds) / observing;
}

const int kSweepsRegistered = [] {
  for (const int params : {1, 64, 4096}) {
    const std::string name = "sweep/params=" + std::to_string(params);
    benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
      SweepAll(state, params);
    })->UseManualTime();
  }
  return 0;
}();

}  // namespace
}  // namespace calipers
