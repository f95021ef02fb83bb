#include "core/reduce/reducer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/reduce/accumulators.h"
#include "hwy/targets.h"
#include "tests/support/elements.h"
#include "tests/support/slow_reduce.h"
#include "tests/support/status_matchers.h"

namespace calipers {
namespace {

using calipers::testing::kInf;
using calipers::testing::kNan;
using calipers::testing::Packed;
using ::testing::HasSubstr;
using testing::SlowReduce;
using testing::StatusIs;
using Bytes = std::vector<std::byte>;

View MakeTestView(std::int64_t rows, std::int64_t row_length, std::int64_t reduced_outer,
                  std::int64_t reduced_inner) {
  View view;
  view.rows = rows;
  view.row_length = row_length;
  view.reduced_outer = reduced_outer;
  view.reduced_inner = reduced_inner;
  view.kept_outer = (rows + reduced_outer - 1) / reduced_outer;
  view.kept_inner = (row_length + reduced_inner - 1) / reduced_inner;
  return view;
}

enum class Content { kAnyBits, kFinite, kConstant, kPositive };

Bytes MakeTensor(Dtype dtype, std::int64_t elements, Content content, std::mt19937_64& random) {
  const std::size_t size = ByteSize(dtype);
  Bytes tensor(static_cast<std::size_t>(elements) * size);
  for (std::byte& b : tensor) b = static_cast<std::byte>(random());
  if (content == Content::kConstant) std::fill(tensor.begin(), tensor.end(), std::byte{0x85});
  if (content == Content::kPositive) {
    for (std::size_t i = size; i <= tensor.size(); i += size) tensor[i - 1] &= std::byte{0x7F};
  }
  if (content != Content::kFinite || !IsFloat(dtype)) return tensor;
  for (std::size_t i = 0; i < tensor.size(); i += size) {
    // Clears the second lowest exponent bit in the top byte of every format.
    tensor[i + size - 1] &= std::byte{0xBB};
  }
  return tensor;
}

// Feeds a copy of `tensor` at `misalignment`, in pieces of random size.
Record Reduce(Dtype dtype, const View& view, const Bytes& tensor, std::size_t misalignment,
              std::size_t largest_piece, std::mt19937_64& random) {
  Bytes shifted(tensor.size() + misalignment);
  std::copy(tensor.begin(), tensor.end(),
            shifted.begin() + static_cast<std::ptrdiff_t>(misalignment));
  absl::Span<const std::byte> left = absl::MakeConstSpan(shifted).subspan(misalignment);
  Reducer reducer(dtype, view, 1);
  while (!left.empty()) {
    const std::size_t piece = std::min(left.size(), 1 + random() % largest_piece);
    EXPECT_OK(reducer.Update(left.first(piece)));
    left.remove_prefix(piece);
  }
  EXPECT_EQ(reducer.remaining_bytes(), 0);
  absl::StatusOr<Record> record = std::move(reducer).Finish();
  EXPECT_OK(record);
  return *std::move(record);
}

Bytes Values(const Record& record) {
  Bytes values;
  for (const auto& part : {record.min(), record.max(), record.global_min(), record.global_max()}) {
    values.insert(values.end(), part.begin(), part.end());
  }
  return values;
}

// The instruction sets that both this machine and this build support.
std::vector<std::int64_t> Targets() {
  std::vector<std::int64_t> targets;
  const std::int64_t all = hwy::SupportedTargets() & HWY_TARGETS;
  for (std::int64_t bits = all; bits != 0; bits &= bits - 1) targets.push_back(bits & -bits);
  return targets;
}

class TargetTest : public ::testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

INSTANTIATE_TEST_SUITE_P(Targets, TargetTest, ::testing::ValuesIn(Targets()),
                         [](const auto& param_info) {
                           return std::string(hwy::TargetName(param_info.param));
                         });

TEST_P(TargetTest, TheForcedTargetIsTheOneThatRuns) {
  EXPECT_EQ(Accumulators::TargetName(), hwy::TargetName(GetParam()));
}

// 0 to 16 vectors of elements at every offset within a vector, with NaN at any position.
TEST_P(TargetTest, EveryLengthAndOffsetOfOneRun) {
  std::mt19937_64 random(11);
  for (Dtype dtype : kAllDtypes) {
    const auto most = static_cast<std::int64_t>(16 * 64 / ByteSize(dtype));
    for (std::int64_t n = 1; n <= most + 3; n += n < 80 ? 1 : 13) {
      const View view = MakeTestView(1, n, 1, n);
      Bytes tensor = MakeTensor(dtype, n, Content::kFinite, random);
      const Record plain = Reduce(dtype, view, tensor, random() % 64, tensor.size() + 64, random);
      ASSERT_EQ(Values(plain), SlowReduce(dtype, view, tensor)) << DtypeName(dtype) << " " << n;
      if (!IsFloat(dtype)) continue;
      Bytes nan(8);
      StoreElement(dtype, kNan, nan.data());
      const std::size_t size = ByteSize(dtype);
      if (random() % 2 == 0) nan[size - 1] |= std::byte{0x80};
      std::memcpy(tensor.data() + random() % static_cast<std::size_t>(n) * size, nan.data(), size);
      const Record with_nan =
          Reduce(dtype, view, tensor, random() % 64, tensor.size() + 64, random);
      ASSERT_TRUE(with_nan.saw_nan()) << DtypeName(dtype) << " " << n;
      ASSERT_EQ(Values(with_nan), SlowReduce(dtype, view, tensor)) << DtypeName(dtype) << " " << n;
    }
  }
}

TEST_P(TargetTest, RandomViewsInRandomPieces) {
  std::mt19937_64 random(13);
  for (int round = 0; round < 600; ++round) {
    const Dtype dtype = kAllDtypes[random() % kAllDtypes.size()];
    const auto rows = static_cast<std::int64_t>(1 + random() % 12);
    const auto row_length = static_cast<std::int64_t>(1 + random() % (round % 3 == 0 ? 700 : 60));
    const View view = MakeTestView(
        rows, row_length, static_cast<std::int64_t>(1 + random() % static_cast<unsigned>(rows)),
        static_cast<std::int64_t>(1 + random() % static_cast<unsigned>(row_length)));
    const Content content = static_cast<Content>(random() % 4);
    const Bytes tensor = MakeTensor(dtype, view.num_elements(), content, random);
    const Bytes expected = SlowReduce(dtype, view, tensor);
    for (std::size_t largest_piece : {std::size_t{1}, std::size_t{37}, tensor.size() + 1}) {
      const Record record = Reduce(dtype, view, tensor, random() % 9, largest_piece, random);
      ASSERT_EQ(Values(record), expected)
          << DtypeName(dtype) << " rows " << rows << " row_length " << row_length
          << " reduced_outer " << view.reduced_outer << " reduced_inner " << view.reduced_inner
          << " pieces up to " << largest_piece;
    }
  }
}

TEST(ReducerTest, RecordMadeByAWorkerEqualsTheReducedOne) {
  std::mt19937_64 random(17);
  for (int round = 0; round < 200; ++round) {
    const Dtype dtype = kAllDtypes[random() % kAllDtypes.size()];
    const View view = MakeTestView(5, 33, 2, 8);
    const Bytes tensor = MakeTensor(dtype, view.num_elements(),
                                    round % 2 == 0 ? Content::kAnyBits : Content::kFinite, random);
    const Record reduced = Reduce(dtype, view, tensor, 0, 64, random);
    const auto made = Record::Make(dtype, 1, reduced.min(), reduced.max(), reduced.global_min(),
                                   reduced.global_max());
    ASSERT_OK(made);
    EXPECT_EQ(*made, reduced);
  }
}

TEST(ReducerTest, PaddingIsZeroInTheParametersAndAbsentFromTheGlobalRange) {
  const View view = MakeTestView(3, 3, 2, 2);
  Bytes tensor(9 * 4);
  for (std::size_t i = 0; i < 9; ++i) StoreElement(Dtype::kF32, 5.0, tensor.data() + 4 * i);
  std::mt19937_64 random(1);
  const Record record = Reduce(Dtype::kF32, view, tensor, 0, 100, random);
  const Elements min{Dtype::kF32, Bytes(record.min().begin(), record.min().end())};
  EXPECT_EQ(min[0], 5.0);
  EXPECT_EQ(min[1], 0.0);
  EXPECT_EQ(min[2], 0.0);
  EXPECT_EQ(min[3], 0.0);
  EXPECT_EQ(LoadElement(Dtype::kF32, record.global_min().data()), 5.0);
}

// Reduces `values`. They belong to one parameter unless the view differs.
Record ReduceValues(Dtype dtype, const std::vector<double>& values, const View& view) {
  std::mt19937_64 random(19);
  return Reduce(dtype, view, Packed(dtype, values).bytes, 1, 3, random);
}

Record ReduceValues(Dtype dtype, const std::vector<double>& values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return ReduceValues(dtype, values, MakeTestView(1, n, 1, n));
}

double At(Dtype dtype, absl::Span<const std::byte> elements, std::size_t i = 0) {
  return LoadElement(dtype, elements.data() + i * ByteSize(dtype));
}

TEST(ReducerTest, OneElementIsBothEndsOfEveryRange) {
  for (Dtype dtype : kAllDtypes) {
    const Record record = ReduceValues(dtype, {3});
    EXPECT_EQ(record.num_params(), 1U);
    for (const auto& end : {record.min(), record.max(), record.global_min(), record.global_max()}) {
      EXPECT_EQ(At(dtype, end), 3) << DtypeName(dtype);
    }
    EXPECT_FALSE(record.saw_nan() || record.saw_inf()) << DtypeName(dtype);
  }
}

TEST(ReducerTest, NanAloneIsARangeOfNan) {
  for (Dtype dtype : kAllDtypes) {
    if (!IsFloat(dtype)) continue;
    const Record record = ReduceValues(dtype, std::vector<double>(100, kNan));
    EXPECT_TRUE(record.saw_nan()) << DtypeName(dtype);
    EXPECT_TRUE(std::isnan(At(dtype, record.min()))) << DtypeName(dtype);
    EXPECT_TRUE(std::isnan(At(dtype, record.global_max()))) << DtypeName(dtype);
  }
}

TEST(ReducerTest, NanStaysInItsParameterAndReachesTheGlobalRange) {
  for (const std::vector<double>& values :
       {std::vector<double>{kNan, 1, 2, 3}, std::vector<double>{2, 3, kNan, 1}}) {
    const Record record = ReduceValues(Dtype::kF32, values, MakeTestView(1, 4, 1, 2));
    const std::size_t clean = std::isnan(values[0]) ? 1 : 0;
    EXPECT_EQ(At(Dtype::kF32, record.min(), clean), 2);
    EXPECT_EQ(At(Dtype::kF32, record.max(), clean), 3);
    EXPECT_TRUE(std::isnan(At(Dtype::kF32, record.min(), 1 - clean)));
    EXPECT_TRUE(std::isnan(At(Dtype::kF32, record.global_min())));
    EXPECT_TRUE(std::isnan(At(Dtype::kF32, record.global_max())));
  }
}

TEST(ReducerTest, InfinitiesAreEndsAndAreNoted) {
  for (Dtype dtype : kAllDtypes) {
    // F8_E4M3 has no infinity.
    if (!IsFloat(dtype) || dtype == Dtype::kF8E4M3) continue;
    const Record record = ReduceValues(dtype, {1, -kInf, kInf, 0});
    EXPECT_EQ(At(dtype, record.min()), -kInf) << DtypeName(dtype);
    EXPECT_EQ(At(dtype, record.global_max()), kInf) << DtypeName(dtype);
    EXPECT_TRUE(record.saw_inf()) << DtypeName(dtype);
    EXPECT_FALSE(record.saw_nan()) << DtypeName(dtype);
    // NaN hides an infinity of the same parameter.
    EXPECT_FALSE(ReduceValues(dtype, {kNan, kInf}).saw_inf()) << DtypeName(dtype);
  }
}

TEST(ReducerTest, PaddingIsAPositiveZeroOfAnyDtype) {
  const View view = MakeTestView(1, 1, 1, 2);
  const Record above = ReduceValues(Dtype::kU8, {5}, view);
  EXPECT_EQ(At(Dtype::kU8, above.min()), 0);
  EXPECT_EQ(At(Dtype::kU8, above.max()), 5);
  EXPECT_EQ(At(Dtype::kU8, above.global_min()), 5);
  const Record below = ReduceValues(Dtype::kI8, {-5}, view);
  EXPECT_EQ(At(Dtype::kI8, below.min()), -5);
  EXPECT_EQ(At(Dtype::kI8, below.max()), 0);
  EXPECT_EQ(At(Dtype::kI8, below.global_max()), -5);
  const Record zero = ReduceValues(Dtype::kF16, {-0.0}, view);
  EXPECT_TRUE(std::signbit(At(Dtype::kF16, zero.min())));
  EXPECT_FALSE(std::signbit(At(Dtype::kF16, zero.max())));
  EXPECT_TRUE(std::signbit(At(Dtype::kF16, zero.global_max())));
  EXPECT_TRUE(std::isnan(At(Dtype::kF16, ReduceValues(Dtype::kF16, {kNan}, view).min())));
}

TEST(ReducerTest, EmptyPieceChangesNothing) {
  const Bytes tensor(8, std::byte{0x3F});
  const absl::Span<const std::byte> all = tensor;
  Reducer whole(Dtype::kF32, MakeTestView(1, 2, 1, 2), 1);
  EXPECT_OK(whole.Update(all));
  Reducer reducer(Dtype::kF32, MakeTestView(1, 2, 1, 2), 1);
  EXPECT_OK(reducer.Update({}));
  EXPECT_OK(reducer.Update(all.first(5)));
  // An empty piece within an element.
  EXPECT_OK(reducer.Update({}));
  EXPECT_EQ(reducer.remaining_bytes(), 3);
  EXPECT_OK(reducer.Update(all.subspan(5)));
  EXPECT_OK(reducer.Update({}));
  EXPECT_EQ(*std::move(reducer).Finish(), *std::move(whole).Finish());
}

TEST(ReducerTest, TooManyBytesAreRefusedAndNoneTaken) {
  Reducer reducer(Dtype::kF32, MakeTestView(1, 2, 1, 2), 1);
  EXPECT_THAT(reducer.Update(Bytes(9)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("the tensor has 8 bytes")));
  EXPECT_EQ(reducer.remaining_bytes(), 8);
  EXPECT_OK(reducer.Update(Bytes(8)));
  EXPECT_THAT(reducer.Update(Bytes(1)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8 had come")));
}

TEST(ReducerTest, TooFewBytesAreRefusedWithTheirCount) {
  Reducer reducer(Dtype::kF32, MakeTestView(1, 2, 1, 2), 1);
  EXPECT_OK(reducer.Update(Bytes(7)));
  EXPECT_THAT(std::move(reducer).Finish(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("the tensor has 8 bytes by its dtype and shape; 7 came")));
}

TEST(ReducerTest, TensorWithoutElementsIsAnEmptyRecord) {
  Reducer reducer(Dtype::kBF16, MakeTestView(0, 16, 1, 4), 0);
  EXPECT_EQ(reducer.remaining_bytes(), 0);
  const auto record = std::move(reducer).Finish();
  ASSERT_OK(record);
  EXPECT_TRUE(record->empty());
  EXPECT_EQ(*record, Record::Empty(Dtype::kBF16, 0));
}

TEST(ReducerTest, StateBytesSaturates) {
  const View huge = MakeTestView(1, std::int64_t{1} << 56, 1, 1);
  EXPECT_GT(Reducer::StateBytes(Dtype::kF64, huge), std::int64_t{1} << 60);
  EXPECT_LT(Reducer::StateBytes(Dtype::kF32, MakeTestView(1, 1 << 20, 1, 1 << 20)), 1024);
}

}  // namespace
}  // namespace calipers
