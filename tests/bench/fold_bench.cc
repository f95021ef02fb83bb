// Compares folding records into a moving average with a loop that only loads the bytes of the
// record and of the state. A fold also writes the state.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/fold/observer.h"
#include "core/reduce/record.h"
#include "hwy/aligned_allocator.h"
#include "tests/bench/load_only.h"

namespace calipers {
namespace {

Record RecordOf(Dtype dtype, std::int64_t params) {
  const auto size = static_cast<std::size_t>(params) * ByteSize(dtype);
  // Finite in every dtype, and equal min and max.
  const std::vector<std::byte> ends(size, std::byte{0x3B});
  return Record::Make(dtype, 1, ends, ends, {}, {}).value();
}

void Fold(benchmark::State& state, Dtype dtype, Arithmetic arithmetic, std::int64_t params) {
  using Clock = std::chrono::steady_clock;
  const Record record = RecordOf(dtype, params);
  const auto observer = MakeObserver("minmax", {.arithmetic = arithmetic}).value();
  observer->Add(record);
  const std::size_t streamed =
      record.values().size() + 2 * static_cast<std::size_t>(params) * sizeof(double);
  const auto aligned = hwy::AllocateAligned<std::byte>(streamed);
  std::fill_n(aligned.get(), streamed, std::byte{0});
  const absl::Span<const std::byte> buffer(aligned.get(), streamed);
  std::chrono::duration<double> loading{};
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    observer->Add(record);
    benchmark::ClobberMemory();
    const Clock::time_point folded = Clock::now();
    benchmark::DoNotOptimize(bench::LoadOnly(buffer));
    loading += Clock::now() - folded;
    state.SetIterationTime(std::chrono::duration<double>(folded - begin).count());
  }
  const double total = static_cast<double>(state.iterations()) * static_cast<double>(streamed);
  state.SetBytesProcessed(static_cast<std::int64_t>(total));
  state.counters["load_only"] = total / loading.count();
}

const int kFoldsRegistered = [] {
  for (const auto& [size, params] : {std::pair("L2", 8192), std::pair("DRAM", 80 << 20)}) {
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16}) {
      for (const auto& [name, arithmetic] : {std::pair("exact", Arithmetic::kExact),
                                             std::pair("reference", Arithmetic::kReference)}) {
        const std::string full = "fold/" + std::string(DtypeName(dtype)) + "/" + name + "/" + size;
        benchmark::RegisterBenchmark(full.c_str(), [=, params = params, arithmetic = arithmetic](
                                                       benchmark::State& state) {
          Fold(state, dtype, arithmetic, params);
        })->UseManualTime();
      }
    }
  }
  return 0;
}();

}  // namespace
}  // namespace calipers
