#include "core/reduce/geometry.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <random>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace calipers {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Dims = std::vector<std::int64_t>;

constexpr std::int64_t kPadding = -1;

// A tensor whose elements are their own positions, with those operations of PyTorch that the
// reference uses. It is simple, not fast.
class Tensor {
 public:
  explicit Tensor(Dims dims) : dims_(std::move(dims)), elements_(Count(dims_)) {
    std::iota(elements_.begin(), elements_.end(), 0);
  }

  int rank() const { return static_cast<int>(dims_.size()); }
  const Dims& dims() const { return dims_; }

  Tensor Reshape(Dims dims) const {
    Tensor result = *this;
    EXPECT_EQ(Count(dims), Count(dims_));
    result.dims_ = std::move(dims);
    return result;
  }

  // Negative positions count from the end, as in PyTorch.
  Tensor Unsqueeze(int position) const {
    Dims dims = dims_;
    dims.insert(position < 0 ? dims.end() + position + 1 : dims.begin() + position, 1);
    return Reshape(std::move(dims));
  }

  Tensor Flatten(int first) const {
    Dims dims = dims_;
    dims[first] *= dims[first + 1];
    dims.erase(dims.begin() + first + 1);
    return Reshape(std::move(dims));
  }

  // Splits the last dimension into pieces of `size`; nullopt if it is not divisible.
  std::optional<Tensor> UnflattenLast(std::int64_t size) const {
    Dims dims = dims_;
    if (dims.back() % size != 0) return std::nullopt;
    dims.back() /= size;
    dims.push_back(size);
    return Reshape(std::move(dims));
  }

  Tensor Transpose(int a, int b) const {
    Dims dims = dims_;
    std::swap(dims[a], dims[b]);
    Tensor result(dims);
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      Dims at = result.Position(i);
      std::swap(at[a], at[b]);
      result.elements_[i] = elements_[Index(at)];
    }
    return result;
  }

  // Pads two dimensions to multiples of the block.
  Tensor Pad(std::int64_t height, std::int64_t width) const {
    Dims dims = dims_;
    while (dims[0] % height != 0) ++dims[0];
    while (dims[1] % width != 0) ++dims[1];
    Tensor result(dims);
    for (std::size_t i = 0; i < result.elements_.size(); ++i) {
      const Dims at = result.Position(i);
      const bool inside = at[0] < dims_[0] && at[1] < dims_[1];
      result.elements_[i] = inside ? elements_[Index(at)] : kPadding;
    }
    return result;
  }

  struct Reduced {
    Dims shape;
    // Elements by parameter, in row-major order.
    std::map<std::int64_t, std::set<std::int64_t>> elements;
  };

  // The elements that amin(dim=(0, -1)) reduces together.
  Reduced ReduceFirstAndLast() const {
    Reduced reduced;
    reduced.shape = Dims(dims_.begin() + 1, dims_.end() - 1);
    for (std::size_t i = 0; i < elements_.size(); ++i) {
      const Dims at = Position(i);
      std::int64_t parameter = 0;
      for (int d = 1; d + 1 < rank(); ++d) parameter = parameter * dims_[d] + at[d];
      reduced.elements[parameter].insert(elements_[i]);
    }
    return reduced;
  }

 private:
  static std::size_t Count(const Dims& dims) {
    return std::accumulate(dims.begin(), dims.end(), std::size_t{1}, std::multiplies<>());
  }
  Dims Position(std::size_t index) const {
    Dims at(dims_.size());
    for (int d = rank() - 1; d >= 0; --d) {
      at[d] = static_cast<std::int64_t>(index) % dims_[d];
      index /= dims_[d];
    }
    return at;
  }
  std::size_t Index(const Dims& at) const {
    std::size_t index = 0;
    for (int d = 0; d < rank(); ++d) index = index * dims_[d] + at[d];
    return index;
  }

  Dims dims_;
  std::vector<std::int64_t> elements_;
};

std::optional<Tensor> FlattenWeight(const Tensor& value, const QuantizationArgs& args) {
  switch (args.strategy) {
    case Strategy::kTensor: {
      std::int64_t count = 1;
      for (const std::int64_t dim : value.dims()) count *= dim;
      return value.Reshape({1, 1, count});
    }
    case Strategy::kChannel:
      if (value.rank() < 1) return std::nullopt;
      return value.Unsqueeze(-2).Unsqueeze(0);
    case Strategy::kGroup:
    case Strategy::kTensorGroup: {
      if (value.rank() < 1) return std::nullopt;
      const auto groups = value.UnflattenLast(*args.group_size);
      if (!groups) return std::nullopt;
      return groups->Unsqueeze(0);
    }
    case Strategy::kBlock: {
      if (value.rank() != 2) return std::nullopt;
      const std::int64_t height = args.block_structure[0];
      const std::int64_t width = args.block_structure[1];
      const Tensor padded = value.Pad(height, width);
      return padded.Reshape({padded.dims()[0] / height, height, padded.dims()[1] / width, width})
          .Transpose(1, 2)
          .Flatten(2)
          .Unsqueeze(0);
    }
    default:
      return std::nullopt;
  }
}

std::optional<Tensor> FlattenActivation(const Tensor& value, const QuantizationArgs& args) {
  switch (args.strategy) {
    case Strategy::kTensor: {
      if (value.rank() < 1) return std::nullopt;
      std::int64_t tokens = 1;
      for (int d = 0; d + 1 < value.rank(); ++d) tokens *= value.dims()[d];
      return value.Reshape({tokens, 1, value.dims().back()});
    }
    case Strategy::kToken:
      if (value.rank() < 2) return std::nullopt;
      return value;
    case Strategy::kGroup:
    case Strategy::kTensorGroup:
      if (value.rank() < 2) return std::nullopt;
      return value.Flatten(0).UnflattenLast(*args.group_size);
    default:
      return std::nullopt;
  }
}

std::optional<Tensor> FlattenAttention(const Tensor& value, const QuantizationArgs& args) {
  if (value.rank() != 4) return std::nullopt;
  const Tensor tokens = value.Transpose(1, 2).Flatten(0);
  switch (args.strategy) {
    case Strategy::kTensor:
      return tokens.Flatten(1).Unsqueeze(-2);
    case Strategy::kAttnHead:
      return tokens.Unsqueeze(-2).Unsqueeze(-2);
    default:
      return std::nullopt;
  }
}

// The elements that the reference reduces together; nullopt if it raises. In exact arithmetic, a
// 2-D input is a batch of one.
std::optional<Tensor::Reduced> Oracle(BaseName base_name, const QuantizationArgs& args,
                                      Arithmetic arithmetic, const Dims& dims) {
  std::optional<Tensor> flat;
  if (IsWeight(base_name)) {
    flat = FlattenWeight(Tensor(dims), args);
  } else if (IsAttention(base_name)) {
    flat = FlattenAttention(Tensor(dims), args);
  } else {
    const bool batch_of_one =
        arithmetic == Arithmetic::kExact && dims.size() == 2 && args.strategy != Strategy::kTensor;
    const Tensor value(dims);
    flat = FlattenActivation(batch_of_one ? value.Unsqueeze(0) : value, args);
  }
  if (!flat) return std::nullopt;
  return flat->ReduceFirstAndLast();
}

QuantizationArgs Args(Strategy strategy, std::int64_t group_size = 2, Dims block = {2, 3}) {
  QuantizationArgs args{.strategy = strategy};
  if (strategy == Strategy::kGroup || strategy == Strategy::kTensorGroup) {
    args.group_size = group_size;
  }
  if (strategy == Strategy::kBlock) args.block_structure = std::move(block);
  return args;
}

void ExpectAsOracle(BaseName base_name, const QuantizationArgs& args, Arithmetic arithmetic,
                    const Dims& dims) {
  SCOPED_TRACE(::testing::Message()
               << BaseNameText(base_name) << " " << StrategyName(args.strategy) << " "
               << ShapeText(dims) << " group " << args.group_size.value_or(0) << " block "
               << ShapeText(args.block_structure) << " arithmetic "
               << static_cast<int>(arithmetic));
  const auto expected = Oracle(base_name, args, arithmetic, dims);
  const auto view = MakeView(base_name, args, arithmetic, dims);
  ASSERT_EQ(view.ok(), expected.has_value()) << view.status();
  if (!view.ok()) {
    EXPECT_EQ(view.status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  EXPECT_EQ(view->qparam_shape, expected->shape);
  EXPECT_EQ(view->num_params(), static_cast<std::int64_t>(expected->elements.size()));
  EXPECT_EQ(view->num_elements(), NumElements(dims).value());
  EXPECT_EQ(view->kept_outer, (view->rows + view->reduced_outer - 1) / view->reduced_outer);
  EXPECT_EQ(view->kept_inner, (view->row_length + view->reduced_inner - 1) / view->reduced_inner);

  std::map<std::int64_t, std::set<std::int64_t>> actual;
  for (std::int64_t e = 0; e < view->num_elements(); ++e) {
    const std::int64_t row = e / view->row_length;
    const std::int64_t column = e % view->row_length;
    actual[row / view->reduced_outer * view->kept_inner + column / view->reduced_inner].insert(e);
  }
  for (std::int64_t p = 0; p < view->num_params(); ++p) {
    if (view->IsPadded(p)) actual[p].insert(kPadding);
  }
  EXPECT_EQ(actual, expected->elements);
}

TEST(GeometryOracleTest, EveryCaseOnRandomShapes) {
  std::mt19937 random(3);
  const auto pick = [&random](int below) { return static_cast<int>(random() % below); };
  for (int i = 0; i < 40000; ++i) {
    // Four dimensions are chosen more often, because q, k and v always have four.
    Dims dims(pick(3) == 0 ? 4 : pick(6));
    for (std::int64_t& dim : dims) dim = 1 + pick(5);
    const QuantizationArgs args =
        Args(kAllStrategies[pick(7)], 1 + pick(4), {1 + pick(6), 1 + pick(6)});
    const Arithmetic arithmetic = pick(2) == 0 ? Arithmetic::kExact : Arithmetic::kReference;
    ExpectAsOracle(kAllBaseNames[pick(6)], args, arithmetic, dims);
    if (HasFailure()) return;
  }
}

View Viewed(BaseName base_name, const QuantizationArgs& args, const Dims& dims,
            Arithmetic arithmetic = Arithmetic::kExact) {
  const auto view = MakeView(base_name, args, arithmetic, dims);
  EXPECT_TRUE(view.ok()) << view.status();
  return view.value_or(View());
}

std::string Refusal(BaseName base_name, const QuantizationArgs& args, const Dims& dims,
                    Arithmetic arithmetic = Arithmetic::kExact) {
  const auto view = MakeView(base_name, args, arithmetic, dims);
  if (view.ok()) return "accepted";
  EXPECT_EQ(view.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(view.status().message());
}

TEST(GeometryTest, Weight) {
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kTensor), {}).qparam_shape, ElementsAre(1));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kTensor), {2, 3}).qparam_shape,
              ElementsAre(1));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kChannel), {7}).qparam_shape,
              ElementsAre(1));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kChannel), {7, 3}).qparam_shape,
              ElementsAre(7, 1));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kChannel), {8, 7, 3}).qparam_shape,
              ElementsAre(8, 7, 1));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kGroup, 128), {512, 1024}).qparam_shape,
              ElementsAre(512, 8));
  EXPECT_THAT(Viewed(BaseName::kWeight, Args(Strategy::kTensorGroup, 16), {64}).qparam_shape,
              ElementsAre(4));
  EXPECT_EQ(Viewed(BaseName::kWeight, Args(Strategy::kGroup, 128), {512, 1024}).num_observations,
            1);
}

TEST(GeometryTest, BlockPadsItsEdges) {
  const View view = Viewed(BaseName::kWeight, Args(Strategy::kBlock, 0, {128, 128}), {200, 300});
  EXPECT_THAT(view.qparam_shape, ElementsAre(2, 3));
  std::vector<bool> padded;
  for (std::int64_t p = 0; p < view.num_params(); ++p) padded.push_back(view.IsPadded(p));
  EXPECT_THAT(padded, ElementsAre(false, false, true, true, true, true));

  // One block that is larger than the tensor, with sides of the type's largest number.
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  const View one = Viewed(BaseName::kWeight, Args(Strategy::kBlock, 0, {kHuge, kHuge}), {2, 3});
  EXPECT_THAT(one.qparam_shape, ElementsAre(1, 1));
  EXPECT_TRUE(one.IsPadded(0));
}

TEST(GeometryTest, Activation) {
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kTensor), {5}).qparam_shape, ElementsAre(1));
  EXPECT_THAT(Viewed(BaseName::kOutput, Args(Strategy::kToken), {2, 5, 8}).qparam_shape,
              ElementsAre(5));
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kToken), {2, 5, 3, 8}).qparam_shape,
              ElementsAre(5, 3));
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kGroup, 4), {2, 5, 8}).qparam_shape,
              ElementsAre(2));
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kGroup, 4), {2, 5, 3, 8}).qparam_shape,
              ElementsAre(3, 2));
}

TEST(GeometryTest, TheTwoDimensionalInputDependsOnArithmetic) {
  for (const Strategy strategy : {Strategy::kGroup, Strategy::kTensorGroup, Strategy::kToken}) {
    const View collapsed =
        Viewed(BaseName::kInput, Args(strategy, 4), {6, 8}, Arithmetic::kReference);
    EXPECT_THAT(collapsed.qparam_shape, IsEmpty());
    EXPECT_EQ(collapsed.num_params(), 1);
    EXPECT_EQ(collapsed.num_observations, 6);
  }
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kToken), {6, 8}).qparam_shape,
              ElementsAre(6));
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kGroup, 4), {6, 8}).qparam_shape,
              ElementsAre(2));

  // Flattened, 2 x 6 can be split into groups of 4; a dimension of 6 cannot.
  const Dims dims = {2, 6};
  const QuantizationArgs args = Args(Strategy::kGroup, 4);
  EXPECT_EQ(Refusal(BaseName::kInput, args, dims, Arithmetic::kReference), "accepted");
  EXPECT_EQ(Refusal(BaseName::kInput, args, dims),
            "shape [2, 6] is not divisible by group_size 4 along its last dimension "
            "(6 = 1 x 4 + 2)");
  EXPECT_EQ(Refusal(BaseName::kInput, args, {3, 6}, Arithmetic::kReference),
            "shape [3, 6] is not divisible by group_size 4 once flattened, as the reference "
            "flattens a 2-D input (18 = 4 x 4 + 2)");
}

TEST(GeometryTest, Attention) {
  const View head = Viewed(BaseName::kQ, Args(Strategy::kAttnHead), {2, 32, 10, 64});
  EXPECT_THAT(head.qparam_shape, ElementsAre(32, 1, 1));
  EXPECT_EQ(head.num_observations, 20);
  const View tensor = Viewed(BaseName::kV, Args(Strategy::kTensor), {2, 32, 10, 64});
  EXPECT_THAT(tensor.qparam_shape, ElementsAre(1));
  EXPECT_EQ(tensor.num_observations, 20);
}

TEST(GeometryTest, ObservationsAreTokens) {
  const QuantizationArgs tensor = Args(Strategy::kTensor);
  EXPECT_EQ(Viewed(BaseName::kInput, tensor, {7}).num_observations, 1);
  EXPECT_EQ(Viewed(BaseName::kInput, tensor, {6, 7}).num_observations, 6);
  EXPECT_EQ(Viewed(BaseName::kInput, tensor, {5, 6, 7}).num_observations, 30);
  EXPECT_EQ(Viewed(BaseName::kInput, Args(Strategy::kToken), {4, 5, 6, 7}).num_observations, 120);
  EXPECT_EQ(Viewed(BaseName::kInput, Args(Strategy::kGroup, 7), {6, 7}).num_observations, 6);
}

TEST(GeometryTest, EmptyActivationsHaveNoElementsAndSafeDivisors) {
  for (const BaseName base_name : kAllBaseNames) {
    if (IsWeight(base_name)) continue;
    for (const Strategy strategy : kAllStrategies) {
      if (!CheckStrategy(base_name, strategy).ok()) continue;
      for (int zeros = 1; zeros < 16; ++zeros) {
        for (const std::size_t rank : {1, 2, 3, 4}) {
          Dims dims(rank);
          for (std::size_t d = 0; d < rank; ++d) dims[d] = (zeros >> d & 1) != 0 ? 0 : 4;
          if (std::count(dims.begin(), dims.end(), 0) == 0) continue;
          for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
            const auto view = MakeView(base_name, Args(strategy), arithmetic, dims);
            if (!view.ok()) {
              EXPECT_THAT(std::string(view.status().message()), HasSubstr("has rank"));
              continue;
            }
            EXPECT_EQ(view->num_elements(), 0) << ShapeText(dims);
            EXPECT_GT(view->reduced_outer, 0);
            EXPECT_GT(view->reduced_inner, 0);
          }
        }
      }
    }
  }
  EXPECT_EQ(Viewed(BaseName::kInput, Args(Strategy::kTensor), {0, 64}).num_observations, 0);
  EXPECT_THAT(Viewed(BaseName::kInput, Args(Strategy::kGroup, 4), {1, 0, 64}).qparam_shape,
              ElementsAre(16));
}

TEST(GeometryTest, EmptyActivationsMustStillDivide) {
  EXPECT_EQ(Refusal(BaseName::kInput, Args(Strategy::kGroup, 48), {1, 0, 64}),
            "shape [1, 0, 64] is not divisible by group_size 48 along its last dimension "
            "(64 = 1 x 48 + 16)");
}

TEST(GeometryRefusalTest, EmptyWeights) {
  for (const Strategy strategy : {Strategy::kTensor, Strategy::kChannel, Strategy::kGroup,
                                  Strategy::kTensorGroup, Strategy::kBlock}) {
    EXPECT_EQ(Refusal(BaseName::kWeight, Args(strategy), {0, 64}),
              "shape [0, 64] holds no elements: a weight cannot be empty");
    EXPECT_NE(Refusal(BaseName::kWeight, Args(strategy), {64, 0}), "accepted");
  }
}

TEST(GeometryRefusalTest, Indivisible) {
  EXPECT_EQ(Refusal(BaseName::kWeight, Args(Strategy::kGroup, 128), {2048, 4000}),
            "shape [2048, 4000] is not divisible by group_size 128 along its last dimension "
            "(4000 = 31 x 128 + 32)");
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(Refusal(BaseName::kInput, Args(Strategy::kTensorGroup, kHuge), {1, 2, 4}),
            "shape [1, 2, 4] is not divisible by group_size 9223372036854775807 along its last "
            "dimension (4 = 0 x 9223372036854775807 + 4)");
}

TEST(GeometryRefusalTest, Ranks) {
  EXPECT_EQ(Refusal(BaseName::kWeight, Args(Strategy::kChannel), {}),
            "shape [] has rank 0; strategy \"channel\" on a weight needs at least 1 "
            "(..., columns)");
  EXPECT_EQ(Refusal(BaseName::kWeight, Args(Strategy::kGroup), {}),
            "shape [] has rank 0; strategy \"group\" on a weight needs at least 1 "
            "(..., columns)");
  EXPECT_EQ(Refusal(BaseName::kWeight, Args(Strategy::kBlock), {8, 64, 64}),
            "shape [8, 64, 64] has rank 3; strategy \"block\" on a weight needs exactly 2 "
            "(rows, columns)");
  EXPECT_EQ(Refusal(BaseName::kInput, Args(Strategy::kTensor), {}),
            "shape [] has rank 0; strategy \"tensor\" on an input needs at least 1 "
            "(..., hidden)");
  EXPECT_EQ(Refusal(BaseName::kOutput, Args(Strategy::kToken), {64}),
            "shape [64] has rank 1; strategy \"token\" on an output needs at least 2 "
            "(tokens, hidden)");
  EXPECT_EQ(Refusal(BaseName::kInput, Args(Strategy::kTensorGroup), {64}, Arithmetic::kReference),
            "shape [64] has rank 1; strategy \"tensor_group\" on an input needs at least 2 "
            "(tokens, hidden)");
  EXPECT_EQ(Refusal(BaseName::kK, Args(Strategy::kAttnHead), {2, 3, 4}),
            "shape [2, 3, 4] has rank 3; strategy \"attn_head\" on k needs exactly 4 "
            "(batch, heads, seq, head_dim)");
  EXPECT_NE(Refusal(BaseName::kQ, Args(Strategy::kTensor), {1, 2, 3, 4, 5}), "accepted");
}

TEST(GeometryRefusalTest, Strategies) {
  const auto refusal = [](BaseName base_name, Strategy strategy) {
    const absl::Status status = CheckStrategy(base_name, strategy);
    EXPECT_EQ(Refusal(base_name, Args(strategy), {1, 2, 3, 4}), status.message());
    return std::string(status.message());
  };
  EXPECT_EQ(refusal(BaseName::kInput, Strategy::kChannel),
            "strategy \"channel\" cannot be applied to an input: the reference refuses it "
            "(allowed: tensor, token, group, tensor_group)");
  EXPECT_EQ(refusal(BaseName::kOutput, Strategy::kBlock),
            "strategy \"block\" cannot be applied to an output: the reference refuses it "
            "(allowed: tensor, token, group, tensor_group)");
  EXPECT_EQ(refusal(BaseName::kWeight, Strategy::kToken),
            "strategy \"token\" cannot be applied to a weight: the reference refuses it "
            "(allowed: tensor, channel, group, tensor_group, block)");
  EXPECT_EQ(refusal(BaseName::kQ, Strategy::kGroup),
            "strategy \"group\" cannot be applied to q: the reference refuses it "
            "(allowed: tensor, attn_head)");

  int allowed = 0;
  for (const BaseName base_name : kAllBaseNames) {
    for (const Strategy strategy : kAllStrategies) {
      allowed += CheckStrategy(base_name, strategy).ok() ? 1 : 0;
    }
  }
  EXPECT_EQ(allowed, 5 + 2 * 4 + 3 * 2);
}

TEST(NumElementsTest, Multiplies) {
  EXPECT_EQ(NumElements({}).value(), 1);
  EXPECT_EQ(NumElements({2, 3, 4}).value(), 24);
  EXPECT_EQ(NumElements({2, 0, 4}).value(), 0);
  EXPECT_EQ(NumElements({1LL << 28, 1LL << 28}).value(), 1LL << 56);
  EXPECT_EQ(NumElements(Dims(16, 1)).value(), 1);
}

TEST(NumElementsTest, Refuses) {
  EXPECT_EQ(NumElements({2, -3}).status().message(),
            "shape [2, -3] has a negative dimension (-3 at position 1)");
  EXPECT_EQ(NumElements({0, -1}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(NumElements(Dims(17, 1)).status().message(),
            "shape beginning with [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] has 17 "
            "dimensions (allowed: up to 16)");
  EXPECT_EQ(NumElements({1LL << 28, 1LL << 28, 2}).status().message(),
            "shape [268435456, 268435456, 2] is too large: its dimensions multiply to more than "
            "2^56");
}

// Every kind of overflow: no product may wrap to a small number.
TEST(NumElementsTest, Overflow) {
  constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();
  for (const Dims& dims : {Dims{kHuge}, Dims{1LL << 32, 1LL << 32}, Dims{1LL << 33, 1LL << 31, 2},
                           Dims{kHuge, kHuge}, Dims{3, 6148914691236517206}, Dims{(1LL << 56) + 1},
                           Dims(16, 1LL << 62), Dims{0, 1LL << 40, 1LL << 40}}) {
    EXPECT_FALSE(NumElements(dims).ok()) << ShapeText(dims);
    for (const BaseName base_name : kAllBaseNames) {
      for (const Strategy strategy : kAllStrategies) {
        EXPECT_NE(Refusal(base_name, Args(strategy), dims), "accepted") << ShapeText(dims);
      }
    }
  }
}

TEST(ShapeTextTest, Brackets) {
  EXPECT_EQ(ShapeText({}), "[]");
  EXPECT_EQ(ShapeText({7}), "[7]");
  EXPECT_EQ(ShapeText({2048, 4000}), "[2048, 4000]");
}

}  // namespace
}  // namespace calipers
