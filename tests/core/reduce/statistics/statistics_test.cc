// Records with a statistic beside the range. The statistic is one file and one line in a registry.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "core/reduce/reducer.h"
#include "core/reduce/statistic_values.h"
#include "core/reduce/statistics/registry.h"
#include "tests/core/reduce/statistics/zero_count.h"
#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::Packed;
using calipers::testing::StatusIs;
using calipers::testing::ZeroCount;
using calipers::testing::ZeroCountValue;
using ::testing::HasSubstr;

View ViewOf(const std::vector<std::int64_t>& shape) {
  const auto view = MakeView(BaseName::kInput, QuantizationArgs(), Arithmetic::kExact, shape);
  EXPECT_OK(view);
  return *view;
}

Record Reduce(Dtype dtype, const View& view, absl::Span<const std::byte> tensor, std::size_t piece,
              const StatisticSet& statistics) {
  Reducer reducer(dtype, view, 1, statistics);
  while (!tensor.empty()) {
    const std::size_t bytes = std::min(piece, tensor.size());
    EXPECT_OK(reducer.Update(tensor.first(bytes)));
    tensor.remove_prefix(bytes);
  }
  absl::StatusOr<Record> record = std::move(reducer).Finish();
  EXPECT_OK(record);
  return *std::move(record);
}

TEST(StatisticsTest, AreFoundByName) {
  const auto found = FindStatistic("zero_count");
  ASSERT_OK(found);
  EXPECT_EQ(*found, ZeroCount());
  EXPECT_THAT(FindStatistic("hessian"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("it has zero_count")));
}

TEST(StatisticsTest, PiecesOfAnySizeGiveTheSameStatistics) {
  const std::vector<double> values = {0, 1, -2, 0, -0.0, 4, 5, 0};
  const View view = ViewOf({2, 4});
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF64, Dtype::kI8}) {
    const std::vector<std::byte> tensor = Packed(dtype, values).bytes;
    const Record plain = Reduce(dtype, view, tensor, tensor.size(), {});
    EXPECT_TRUE(plain.statistics().empty());
    for (std::size_t piece = 1; piece <= tensor.size(); ++piece) {
      const Record record = Reduce(dtype, view, tensor, piece, {ZeroCount()});
      EXPECT_EQ(record.values(), plain.values());
      ASSERT_NE(record.statistics().Find("zero_count"), nullptr);
      EXPECT_EQ(*record.statistics().Find("zero_count"), ZeroCountValue(4)) << piece;
      EXPECT_FALSE(record == plain);
    }
  }
}

TEST(StatisticsTest, EmptyTensorHasNoStatistics) {
  EXPECT_TRUE(Reduce(Dtype::kF32, ViewOf({0, 4}), {}, 1, {ZeroCount()}).statistics().empty());
}

TEST(StatisticsTest, StateIsCounted) {
  const View view = ViewOf({2, 4});
  EXPECT_EQ(Reducer::StateBytes(Dtype::kF32, view, {ZeroCount()}),
            Reducer::StateBytes(Dtype::kF32, view) + 8);
}

TEST(StatisticsTest, MergedValueEqualsThatOfTheWholeTensor) {
  std::mt19937 random(3);
  std::vector<double> values(64);
  for (double& value : values) value = static_cast<double>(random() % 3);
  const auto whole = Packed(Dtype::kF16, values).bytes;
  const auto count = [](absl::Span<const std::byte> bytes) {
    const auto elements = static_cast<std::int64_t>(bytes.size() / 2);
    const Record record = Reduce(Dtype::kF16, ViewOf({1, elements}), bytes, 7, {ZeroCount()});
    return *record.statistics().Find("zero_count");
  };
  for (std::size_t cut = 2; cut < whole.size(); cut += 2) {
    const auto first = absl::MakeConstSpan(whole).first(cut);
    const auto second = absl::MakeConstSpan(whole).subspan(cut);
    EXPECT_EQ(*ZeroCount()->Merge(count(first), count(second)), count(whole)) << cut;
  }
}

TEST(StatisticValuesTest, AreSortedByNameWithoutDuplicates) {
  const auto values = StatisticValues::Make({{"b", "2"}, {"a", "1"}});
  ASSERT_OK(values);
  EXPECT_EQ(values->values()[0].name, "a");
  EXPECT_EQ(*values, *StatisticValues::Make({{"a", "1"}, {"b", "2"}}));
  EXPECT_FALSE(*values == *StatisticValues::Make({{"a", "1"}}));
  EXPECT_FALSE(*values == StatisticValues());
  EXPECT_EQ(*values->Find("b"), "2");
  EXPECT_EQ(values->Find("c"), nullptr);
  EXPECT_THAT(StatisticValues::Make({{"a", "1"}, {"a", "2"}}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("a is given twice")));
}

}  // namespace
}  // namespace calipers
