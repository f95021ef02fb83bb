// Compares reducing tensors with the limit of the machine: a loop that only loads the same buffer,
// with vectors of the same width. Both take turns, so that other load on the machine affects both.
// tests/bench/report.py makes the table.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/reduce/geometry.h"
#include "core/reduce/reducer.h"
#include "hwy/aligned_allocator.h"
#include "tests/bench/load_only.h"

namespace calipers {
namespace {

// A buffer with tensors one after another.
struct Size {
  const char* name;
  std::int64_t buffer;
  std::int64_t tensor;
};

// The first buffer fits into a second-level cache. The second is much larger than any last-level
// cache, and its tensors are as large as those of a model.
constexpr Size kSizes[] = {
    {"L2", 512 << 10, 512 << 10},
    {"DRAM", std::int64_t{2} << 30, 128 << 20},
};

struct Shape {
  const char* name;
  BaseName base_name;
  Strategy strategy;
  std::int64_t group_size;
  bool positive = false;  // all elements are positive, as after ReLU
};

constexpr Shape kShapes[] = {
    {"tensor", BaseName::kInput, Strategy::kTensor, 0},
    {"tensor_positive", BaseName::kInput, Strategy::kTensor, 0, true},
    {"channel", BaseName::kWeight, Strategy::kChannel, 0},
    {"group16_weight", BaseName::kWeight, Strategy::kGroup, 16},
    {"group16_weight_positive", BaseName::kWeight, Strategy::kGroup, 16, true},
    {"group32_weight", BaseName::kWeight, Strategy::kGroup, 32},
    {"group64_weight", BaseName::kWeight, Strategy::kGroup, 64},
    {"group128_weight", BaseName::kWeight, Strategy::kGroup, 128},
    {"group16_input", BaseName::kInput, Strategy::kGroup, 16},
    {"group128_input", BaseName::kInput, Strategy::kGroup, 128},
    {"block128", BaseName::kWeight, Strategy::kBlock, 128},
    {"attn_head", BaseName::kQ, Strategy::kAttnHead, 0},
    {"token", BaseName::kInput, Strategy::kToken, 0},
};

constexpr Dtype kDtypes[] = {Dtype::kF32,    Dtype::kBF16, Dtype::kF16,
                             Dtype::kF8E4M3, Dtype::kI8,   Dtype::kF64};

// The shape of a tensor of `bytes` bytes with a last dimension of 4096, as in models.
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

// Random bits, the same for equal size and sign. Writing them also faults the pages in. Aligned, as
// PyTorch's tensors are: otherwise each load of a cache line's size would touch two lines, and the
// load-only loop would be half as fast in cache.
absl::Span<const std::byte> Buffer(std::int64_t bytes, bool positive) {
  using Aligned = hwy::AlignedFreeUniquePtr<std::byte[]>;
  static std::map<std::pair<std::int64_t, bool>, Aligned> buffers;
  Aligned& owner = buffers[{bytes, positive}];
  const bool is_new = owner == nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  if (is_new) owner = hwy::AllocateAligned<std::byte>(size);
  const absl::Span<std::byte> buffer(owner.get(), size);
  if (is_new) {
    std::mt19937_64 random(1);
    // Finite in every dtype, because one bit of each exponent is 0. If `positive`, the sign is 0
    // too.
    const std::uint64_t mask = positive ? 0x3B3B3B3B3B3B3B3B : 0xBBBBBBBBBBBBBBBB;
    for (std::size_t i = 0; i < buffer.size(); i += sizeof(mask)) {
      const std::uint64_t bits = random() & mask;
      std::memcpy(buffer.data() + i, &bits, sizeof(bits));
    }
  }
  return buffer;
}

void Reduce(benchmark::State& state, const Shape& shape, Dtype dtype, const Size& size) {
  using Clock = std::chrono::steady_clock;
  const absl::Span<const std::byte> buffer = Buffer(size.buffer, shape.positive);
  const View view = ViewFor(shape, dtype, size.tensor);
  std::chrono::duration<double> loading{};
  for (auto _ : state) {
    const Clock::time_point begin = Clock::now();
    for (std::int64_t at = 0; at < size.buffer; at += size.tensor) {
      Reducer reducer(dtype, view, 1);
      benchmark::DoNotOptimize(reducer.Update(
          buffer.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size.tensor))));
      benchmark::DoNotOptimize(std::move(reducer).Finish());
    }
    const Clock::time_point reduced = Clock::now();
    benchmark::DoNotOptimize(bench::LoadOnly(buffer));
    loading += Clock::now() - reduced;
    state.SetIterationTime(std::chrono::duration<double>(reduced - begin).count());
  }
  const double total = static_cast<double>(state.iterations() * size.buffer);
  state.SetBytesProcessed(static_cast<std::int64_t>(total));
  state.counters["load_only"] = total / loading.count();
}

void RegisterAll() {
  for (const Size& size : kSizes) {
    for (Dtype dtype : kDtypes) {
      for (const Shape& shape : kShapes) {
        const std::string name = std::string("reduce/") + std::string(DtypeName(dtype)) + "/" +
                                 shape.name + "/" + size.name;
        benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
          Reduce(state, shape, dtype, size);
        })->UseManualTime();
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
