#include "core/fold/fold_values.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <iterator>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "core/fold/extremes.h"
#include "core/fold/moving_average.h"
#include "core/tensor/element.h"
#include "core/tensor/element_load.h"
#include "hwy/highway.h"
#include "tests/support/elements.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;

constexpr FoldStep kSteps[] = {FoldStep::kReplace, FoldStep::kLower, FoldStep::kUpper,
                               FoldStep::kAverage};
constexpr Dtype kDtypes[] = {Dtype::kF64,    Dtype::kF32,    Dtype::kF16, Dtype::kBF16,
                             Dtype::kF8E4M3, Dtype::kF8E5M2, Dtype::kI8,  Dtype::kU8,
                             Dtype::kI16,    Dtype::kI32,    Dtype::kI64};

bool Allowed(Dtype dtype, Arithmetic arithmetic) {
  return arithmetic == Arithmetic::kExact || !IsFloat8(dtype);
}

// One value, computed with the operations for single values.
double Expected(Dtype dtype, Arithmetic arithmetic, FoldStep step, double c, double past,
                const std::byte* element) {
  double result = 0;
  VisitDtype(dtype, [&](auto constant) {
    const auto loaded = LoadExactly<constant()>(element);
    double current = static_cast<double>(loaded);
    if (arithmetic == Arithmetic::kReference && std::is_integral_v<decltype(loaded)>) {
      current = static_cast<double>(static_cast<float>(loaded));
    }
    switch (step) {
      case FoldStep::kReplace:
        result = current;
        return;
      case FoldStep::kLower:
        result = Lower(past, current);
        return;
      case FoldStep::kUpper:
        result = Upper(past, current);
        return;
      case FoldStep::kAverage:
        if (arithmetic == Arithmetic::kExact) {
          result = ExactAverage(c)(past, current);
        } else {
          result = ReferenceAverage<constant()>(c)(past, current);
        }
    }
  });
  return result;
}

// The bits of a value. All NaN are equal, because the processor decides which NaN an operation on
// two NaN gives.
std::uint64_t Bits(double value) {
  return value != value ? ~std::uint64_t{0} : std::bit_cast<std::uint64_t>(value);
}

// Elements with random bits, and many special values among them.
std::vector<std::byte> RandomElements(Dtype dtype, std::size_t count, std::mt19937_64& random) {
  constexpr double kSpecial[] = {0.0,     -0.0,    1.0,      -1.0,      kInf, -kInf, 0x1p-24,
                                 0x1p-14, 65504.0, 0x1p-149, 0x1.8p-25, 3.0,  -2.5,  kNan};
  std::vector<std::byte> elements(count * ByteSize(dtype));
  for (std::byte& b : elements) b = static_cast<std::byte>(random());
  for (std::size_t i = 0; IsFloat(dtype) && i < count; ++i) {
    if (random() % 3 != 0) continue;
    StoreElement(dtype, kSpecial[random() % std::size(kSpecial)],
                 elements.data() + i * ByteSize(dtype));
  }
  return elements;
}

// Values in the state of a fold: elements of the dtype; in exact arithmetic, any values.
std::vector<double> FoldedValues(Dtype dtype, Arithmetic arithmetic, std::size_t count,
                                 std::mt19937_64& random) {
  const std::vector<std::byte> elements = RandomElements(dtype, count, random);
  std::vector<double> values(count, 0.0);
  FoldValues(dtype, arithmetic, FoldStep::kReplace, 0, elements.data(), absl::MakeSpan(values));
  if (arithmetic == Arithmetic::kExact) {
    for (double& value : values) value *= 1.0 / 3.0;
  }
  return values;
}

void ExpectAsSingleValues(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (const Dtype dtype : kDtypes) {
    for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
      if (!Allowed(dtype, arithmetic)) continue;
      for (const FoldStep step : kSteps) {
        for (const double c : {0.01, 0.5, 0.9, 1e-9}) {
          const std::size_t count = 1 + random() % 70;
          const std::vector<std::byte> elements = RandomElements(dtype, count, random);
          const std::vector<double> past = FoldedValues(dtype, arithmetic, count, random);
          std::vector<double> folded = past;
          FoldValues(dtype, arithmetic, step, c, elements.data(), absl::MakeSpan(folded));
          for (std::size_t i = 0; i < count; ++i) {
            const double expected = Expected(dtype, arithmetic, step, c, past[i],
                                             elements.data() + i * ByteSize(dtype));
            ASSERT_EQ(Bits(folded[i]), Bits(expected))
                << DtypeName(dtype) << " step " << static_cast<int>(step) << " value " << i
                << " of " << count << ": past " << past[i] << ", expected " << expected << ", got "
                << folded[i];
          }
        }
      }
    }
  }
}

std::vector<std::int64_t> Targets() {
  std::vector<std::int64_t> targets;
  const std::int64_t all = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t bits = all; bits != 0; bits &= bits - 1) targets.push_back(bits & -bits);
  return targets;
}

class FoldTargetTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, FoldTargetTest, ::testing::ValuesIn(Targets()),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(param_info.param));
                         });

TEST_P(FoldTargetTest, VectorFoldEqualsScalarFold) {
  EXPECT_EQ(FoldTargetName(), hwy::TargetName(GetParam()));
  for (std::uint64_t seed = 0; seed < 20; ++seed) ExpectAsSingleValues(seed);
}

// Every bit pattern of the narrow floats, averaged with random past values.
TEST_P(FoldTargetTest, EveryNarrowFloatAveragesAsASingleValueDoes) {
  for (const Dtype dtype : {Dtype::kF16, Dtype::kBF16}) {
    std::vector<std::byte> elements(std::size_t{2} << 16);
    for (std::size_t bits = 0; bits < 1 << 16; ++bits) {
      elements[2 * bits] = static_cast<std::byte>(bits);
      elements[2 * bits + 1] = static_cast<std::byte>(bits >> 8);
    }
    std::mt19937_64 random(4);
    const std::vector<double> past = FoldedValues(dtype, Arithmetic::kReference, 1 << 16, random);
    std::vector<double> folded = past;
    FoldValues(dtype, Arithmetic::kReference, FoldStep::kAverage, 0.3, elements.data(),
               absl::MakeSpan(folded));
    for (std::size_t i = 0; i < past.size(); ++i) {
      const double expected = Expected(dtype, Arithmetic::kReference, FoldStep::kAverage, 0.3,
                                       past[i], elements.data() + 2 * i);
      ASSERT_EQ(Bits(folded[i]), Bits(expected)) << DtypeName(dtype) << " bits " << i;
    }
  }
}

}  // namespace
}  // namespace calipers
