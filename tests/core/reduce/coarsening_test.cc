#include "core/reduce/coarsening.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/reduce/reducer.h"
#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

QuantizationArgs Spec(Strategy strategy, std::int64_t group_size = 0,
                      std::vector<std::int64_t> block = {}) {
  QuantizationArgsInput input;
  input.strategy = strategy;
  if (group_size > 0) input.group_size = group_size;
  input.block_structure = std::move(block);
  return *ResolveQuantizationArgs(input);
}

Elements RandomTensor(Dtype dtype, std::size_t size, std::mt19937_64& random) {
  Elements elements{dtype, std::vector<std::byte>(size * ByteSize(dtype))};
  std::normal_distribution<double> normal(0, 3);
  for (std::size_t i = 0; i < size; ++i) {
    double value = std::round(normal(random) * 8) / 8;
    if (IsFloat(dtype) && random() % 97 == 0) value = kNan;
    if (IsFloat(dtype) && random() % 61 == 0) value = -kInf;
    if (IsFloat(dtype) && random() % 29 == 0) value = -0.0;
    StoreElement(dtype, IsFloat(dtype) ? value : std::round(value),
                 elements.bytes.data() + i * ByteSize(dtype));
  }
  return elements;
}

struct SeriesRecord {
  View view;
  Record record;
};

SeriesRecord Observe(BaseName base_name, const QuantizationArgs& args, const Elements& tensor,
                     const std::vector<std::int64_t>& shape) {
  const View view = *MakeView(base_name, args, Arithmetic::kExact, shape);
  Reducer reducer(tensor.dtype, view, view.num_observations);
  EXPECT_OK(reducer.Update(tensor.bytes));
  return {view, *std::move(reducer).Finish()};
}

struct Case {
  BaseName base_name;
  QuantizationArgs from;
  QuantizationArgs to;
  std::vector<std::int64_t> shape;
};

std::vector<Case> Cases() {
  const std::vector<std::int64_t> weight = {6, 48};
  std::vector<Case> cases;
  for (const Strategy groups : {Strategy::kGroup, Strategy::kTensorGroup}) {
    for (const std::int64_t size : {4, 8, 12, 24, 48}) {
      cases.push_back({BaseName::kWeight, Spec(groups, 4), Spec(Strategy::kGroup, size), weight});
      cases.push_back(
          {BaseName::kInput, Spec(groups, 4), Spec(Strategy::kTensorGroup, size), {2, 3, 48}});
      for (const std::vector<std::int64_t>& shape :
           {std::vector<std::int64_t>{6, 48}, {2, 3, 5, 48}, {2, 1, 5, 3, 48}}) {
        cases.push_back({BaseName::kOutput, Spec(groups, 4), Spec(Strategy::kGroup, size), shape});
      }
    }
    cases.push_back({BaseName::kWeight, Spec(groups, 16), Spec(Strategy::kChannel), weight});
    cases.push_back({BaseName::kOutput, Spec(groups, 16), Spec(Strategy::kTensor), {2, 3, 48}});
  }
  for (const std::vector<std::int64_t>& block :
       {std::vector<std::int64_t>{2, 8}, {3, 16}, {4, 8}, {5, 32}, {128, 128}, {1, 4}}) {
    cases.push_back(
        {BaseName::kWeight, Spec(Strategy::kGroup, 4), Spec(Strategy::kBlock, 0, block), weight});
  }
  for (const QuantizationArgs& from :
       {Spec(Strategy::kChannel), Spec(Strategy::kBlock, 0, {4, 32}), Spec(Strategy::kGroup, 6)}) {
    cases.push_back({BaseName::kWeight, from, Spec(Strategy::kTensor), weight});
    cases.push_back({BaseName::kWeight, from, from, weight});
  }
  cases.push_back({BaseName::kInput, Spec(Strategy::kToken), Spec(Strategy::kTensor), {2, 3, 48}});
  cases.push_back({BaseName::kQ, Spec(Strategy::kAttnHead), Spec(Strategy::kTensor), {2, 4, 3, 2}});
  return cases;
}

// A coarsened record is equal to the record of the tensor under the other strategy.
TEST(CoarseningTest, GivesTheRecordOfTheCoarserStrategy) {
  std::mt19937_64 random(7);
  for (const Case& c : Cases()) {
    for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF8E4M3, Dtype::kI8, Dtype::kI64}) {
      SCOPED_TRACE(absl::StrCat(StrategyName(c.from.strategy), " to ", StrategyName(c.to.strategy),
                                " ", c.to.group_size.value_or(0), " ",
                                ShapeText(c.to.block_structure), " ", DtypeName(dtype)));
      std::size_t size = 1;
      for (const std::int64_t dimension : c.shape) size *= static_cast<std::size_t>(dimension);
      const Elements tensor = RandomTensor(dtype, size, random);
      const SeriesRecord fine = Observe(c.base_name, c.from, tensor, c.shape);
      const SeriesRecord coarse = Observe(c.base_name, c.to, tensor, c.shape);
      const auto coarsening = Coarsening::Make(c.base_name, c.from, fine.view.qparam_shape, c.to);
      ASSERT_OK(coarsening);
      EXPECT_EQ((*coarsening)(fine.record), coarse.record);
      EXPECT_EQ(coarsening->qparam_shape(), coarse.view.qparam_shape);
    }
  }
}

TEST(CoarseningTest, RecordWithoutElementsStaysAsItIs) {
  const Record empty = Record::Empty(Dtype::kF32, 0);
  for (const QuantizationArgs& to : {Spec(Strategy::kTensor), Spec(Strategy::kGroup, 8)}) {
    EXPECT_EQ((*Coarsening::Make(BaseName::kInput, Spec(Strategy::kGroup, 4),
                                 std::vector<std::int64_t>{12}, to))(empty),
              empty);
  }
}

TEST(CoarseningTest, ImpossibleCoarseningNamesSufficientStrategies) {
  struct Bad {
    BaseName base_name;
    QuantizationArgs from;
    std::vector<std::int64_t> shape;
    QuantizationArgs to;
    std::string could;
  };
  const Bad all[] = {
      {BaseName::kWeight,
       Spec(Strategy::kChannel),
       {6, 1},
       Spec(Strategy::kGroup, 16),
       "groups whose size divides 16"},
      {BaseName::kWeight,
       Spec(Strategy::kTensor),
       {1},
       Spec(Strategy::kChannel),
       "channel, or groups of any size"},
      {BaseName::kWeight,
       Spec(Strategy::kGroup, 16),
       {6, 3},
       Spec(Strategy::kGroup, 8),
       "groups whose size divides 8"},
      {BaseName::kWeight,
       Spec(Strategy::kGroup, 16),
       {6, 3},
       Spec(Strategy::kGroup, 32),
       "group_size"},
      {BaseName::kWeight,
       Spec(Strategy::kGroup, 32),
       {6, 4},
       Spec(Strategy::kBlock, 0, {128, 48}),
       "groups whose size divides 48"},
      {BaseName::kInput,
       Spec(Strategy::kToken),
       {3},
       Spec(Strategy::kGroup, 16),
       "groups whose size divides 16"},
      {BaseName::kInput,
       Spec(Strategy::kGroup, 16),
       {},
       Spec(Strategy::kGroup, 32),
       "groups whose size divides 32"},
  };
  for (const Bad& bad : all) {
    EXPECT_THAT(Coarsening::Make(bad.base_name, bad.from, bad.shape, bad.to).status(),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(bad.could)));
  }
}

}  // namespace
}  // namespace calipers
