// Reduces tensors beside the limit of the machine: a loop that only loads the
// same buffer, with vectors of the same width. Prints bytes a second for both and
// their ratio. tests/bench/report.py makes the table of it.

#include <benchmark/benchmark.h>

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/geometry.h"
#include "core/reducer.h"
#include "tests/bench/load_only.h"

namespace calipers {
namespace {

// Fits the second-level cache; is far larger than what a last-level cache gives.
constexpr std::int64_t kSmall = 512 << 10;
constexpr std::int64_t kLarge = 256 << 20;

struct Shape {
  const char* name;
  BaseName base_name;
  Strategy strategy;
  std::int64_t group_size;
};

constexpr Shape kShapes[] = {
    {"tensor", BaseName::kInput, Strategy::kTensor, 0},
    {"channel", BaseName::kWeight, Strategy::kChannel, 0},
    {"group16_weight", BaseName::kWeight, Strategy::kGroup, 16},
    {"group128_weight", BaseName::kWeight, Strategy::kGroup, 128},
    {"group128_input", BaseName::kInput, Strategy::kGroup, 128},
    {"block128", BaseName::kWeight, Strategy::kBlock, 128},
    {"attn_head", BaseName::kQ, Strategy::kAttnHead, 0},
    {"token", BaseName::kInput, Strategy::kToken, 0},
};

constexpr Dtype kDtypes[] = {Dtype::kF32,    Dtype::kBF16, Dtype::kF16,
                             Dtype::kF8E4M3, Dtype::kI8,   Dtype::kF64};

// A tensor of so many bytes with a last dimension of 4096, as models have it.
std::vector<std::int64_t> ShapeFor(const Shape& shape, Dtype dtype, std::int64_t bytes) {
  constexpr std::int64_t kHidden = 4096;
  const std::int64_t rows = bytes / static_cast<std::int64_t>(ByteSize(dtype)) / kHidden;
  if (shape.base_name == BaseName::kWeight) return {rows, kHidden};
  if (shape.base_name == BaseName::kInput) return {1, rows, kHidden};
  return {1, 32, rows, kHidden / 32};
}

View ViewFor(const Shape& shape, Dtype dtype, std::int64_t bytes) {
  QuantizationArgsInput input;
  input.strategy = shape.strategy;
  if (shape.strategy == Strategy::kGroup) input.group_size = shape.group_size;
  if (shape.strategy == Strategy::kBlock) input.block_structure = {128, 128};
  return *MakeView(shape.base_name, *ResolveQuantizationArgs(input), Arithmetic::kExact,
                   ShapeFor(shape, dtype, bytes));
}

// Random bits, pre-faulted by being written; the same for all of one size.
const std::vector<std::byte>& Buffer(std::int64_t bytes) {
  static std::map<std::int64_t, std::vector<std::byte>> buffers;
  std::vector<std::byte>& buffer = buffers[bytes];
  if (buffer.empty()) {
    std::mt19937_64 random(1);
    buffer.resize(static_cast<std::size_t>(bytes));
    // Finite in every dtype: clear a bit of each exponent.
    for (std::byte& b : buffer) b = static_cast<std::byte>(random() & 0xBB);
  }
  return buffer;
}

void Reduce(benchmark::State& state, const Shape& shape, Dtype dtype, std::int64_t bytes) {
  const std::vector<std::byte>& buffer = Buffer(bytes);
  const View view = ViewFor(shape, dtype, bytes);
  for (auto _ : state) {
    Reducer reducer(dtype, view, 1);
    benchmark::DoNotOptimize(reducer.Update(buffer));
    benchmark::DoNotOptimize(std::move(reducer).Finish());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * bytes);
}

void Load(benchmark::State& state, std::int64_t bytes) {
  const std::vector<std::byte>& buffer = Buffer(bytes);
  for (auto _ : state) benchmark::DoNotOptimize(bench::LoadOnly(buffer));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * bytes);
}

void RegisterAll() {
  for (const auto& [size_name, bytes] : {std::pair("L2", kSmall), std::pair("DRAM", kLarge)}) {
    const std::string size = size_name;
    benchmark::RegisterBenchmark(("load_only/" + size).c_str(),
                                 [bytes = bytes](benchmark::State& state) { Load(state, bytes); });
    for (Dtype dtype : kDtypes) {
      for (const Shape& shape : kShapes) {
        const std::string name =
            std::string("reduce/") + std::string(DtypeName(dtype)) + "/" + shape.name + "/" + size;
        benchmark::RegisterBenchmark(name.c_str(), [=, bytes = bytes](benchmark::State& state) {
          Reduce(state, shape, dtype, bytes);
        });
      }
    }
  }
}

}  // namespace
}  // namespace calipers

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  calipers::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
