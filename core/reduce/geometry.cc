#include "core/reduce/geometry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

using Shape = absl::Span<const std::int64_t>;

constexpr std::size_t kMaxRank = 16;
constexpr std::int64_t kMaxElements = std::int64_t{1} << 56;

// Cannot overflow if `dims` are part of a shape that NumElements accepted.
std::int64_t Product(Shape dims) {
  std::int64_t product = 1;
  for (const std::int64_t dim : dims) product *= dim;
  return product;
}

// Without the sum of `a` and `b`, which could overflow: `b` comes from the caller and may be the
// largest int64.
std::int64_t CeilDiv(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

// The base name as the object of a sentence.
absl::string_view Noun(BaseName base_name) {
  switch (base_name) {
    case BaseName::kWeight:
      return "a weight";
    case BaseName::kInput:
      return "an input";
    case BaseName::kOutput:
      return "an output";
    default:
      return BaseNameText(base_name);
  }
}

absl::Span<const Strategy> AllowedStrategies(BaseName base_name) {
  static constexpr Strategy kWeight[] = {Strategy::kTensor, Strategy::kChannel, Strategy::kGroup,
                                         Strategy::kTensorGroup, Strategy::kBlock};
  static constexpr Strategy kActivation[] = {Strategy::kTensor, Strategy::kToken, Strategy::kGroup,
                                             Strategy::kTensorGroup};
  static constexpr Strategy kAttention[] = {Strategy::kTensor, Strategy::kAttnHead};
  if (IsWeight(base_name)) return kWeight;
  if (IsActivation(base_name)) return kActivation;
  return kAttention;
}

// The tensor that is viewed, for messages.
struct Subject {
  BaseName base_name;
  Strategy strategy;
  Shape shape;

  absl::Status RankError(absl::string_view needed) const {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeText(shape), " has rank ", shape.size(), "; strategy \"",
                     StrategyName(strategy), "\" on ", Noun(base_name), " needs ", needed));
  }
};

absl::Status CheckDivisible(Shape shape, std::int64_t length, std::int64_t group_size,
                            absl::string_view along) {
  const std::int64_t rest = length % group_size;
  if (rest == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "shape ", ShapeText(shape), " is not divisible by group_size ", group_size, along, " (",
      length, " = ", length / group_size, " x ", group_size, " + ", rest, ")"));
}

absl::Status CheckLastDivisible(Shape shape, std::int64_t group_size) {
  return CheckDivisible(shape, shape.back(), group_size, " along its last dimension");
}

struct Cut {
  std::int64_t rows;
  std::int64_t row_length;
  std::int64_t reduced_outer;
  std::int64_t reduced_inner;
};

View Finish(const Cut& cut, std::vector<std::int64_t> qparam_shape, std::int64_t observations) {
  View view;
  view.rows = cut.rows;
  view.row_length = cut.row_length;
  // A dimension of 0 must not become a divisor.
  view.reduced_outer = std::max<std::int64_t>(cut.reduced_outer, 1);
  view.reduced_inner = std::max<std::int64_t>(cut.reduced_inner, 1);
  view.kept_outer = CeilDiv(view.rows, view.reduced_outer);
  view.kept_inner = CeilDiv(view.row_length, view.reduced_inner);
  view.qparam_shape = std::move(qparam_shape);
  view.num_observations = observations;
  return view;
}

// All elements share one parameter.
View OneParameter(Shape shape, std::vector<std::int64_t> qparam_shape, std::int64_t observations) {
  const std::int64_t elements = Product(shape);
  return Finish({1, elements, 1, elements}, std::move(qparam_shape), observations);
}

// The dimensions of `lead`, followed by `last`.
std::vector<std::int64_t> With(Shape lead, std::int64_t last) {
  std::vector<std::int64_t> shape(lead.begin(), lead.end());
  shape.push_back(last);
  return shape;
}

absl::StatusOr<View> WeightView(const Subject& subject, const QuantizationArgs& args) {
  const Shape shape = subject.shape;
  if (Product(shape) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeText(shape), " holds no elements: a weight cannot be empty"));
  }
  if (args.strategy == Strategy::kTensor) return OneParameter(shape, {1}, 1);

  if (args.strategy == Strategy::kBlock) {
    if (shape.size() != 2) return subject.RankError("exactly 2 (rows, columns)");
    const std::int64_t height = args.block_structure[0];
    const std::int64_t width = args.block_structure[1];
    return Finish({shape[0], shape[1], height, width},
                  {CeilDiv(shape[0], height), CeilDiv(shape[1], width)}, 1);
  }

  if (shape.empty()) return subject.RankError("at least 1 (..., columns)");
  const Shape lead = shape.first(shape.size() - 1);
  const std::int64_t rows = Product(lead);
  const std::int64_t columns = shape.back();
  if (args.strategy == Strategy::kChannel) {
    return Finish({rows, columns, 1, columns}, With(lead, 1), 1);
  }
  const std::int64_t group_size = *args.group_size;
  RETURN_IF_ERROR(CheckLastDivisible(shape, group_size));
  return Finish({rows, columns, 1, group_size}, With(lead, columns / group_size), 1);
}

// With the token and group strategies, the reference takes the first dimension of an input as the
// batch, even if the input has no batch dimension. So a 2-D input loses its token dimension, then
// its hidden dimension, and one parameter of shape () is left.
absl::StatusOr<View> CollapsedView(const Subject& subject, const QuantizationArgs& args) {
  const Shape shape = subject.shape;
  if (args.strategy != Strategy::kToken) {
    RETURN_IF_ERROR(CheckDivisible(shape, Product(shape), *args.group_size,
                                   " once flattened, as the reference flattens a 2-D input"));
  }
  return OneParameter(shape, {}, shape[0]);
}

absl::StatusOr<View> ActivationView(const Subject& subject, const QuantizationArgs& args,
                                    Arithmetic arithmetic) {
  const Shape shape = subject.shape;
  if (shape.empty()) return subject.RankError("at least 1 (..., hidden)");
  const std::int64_t observations = Product(shape.first(shape.size() - 1));
  if (args.strategy == Strategy::kTensor) return OneParameter(shape, {1}, observations);

  if (shape.size() < 2) return subject.RankError("at least 2 (tokens, hidden)");
  const bool is_2d = shape.size() == 2;
  if (is_2d && arithmetic == Arithmetic::kReference) return CollapsedView(subject, args);

  const std::int64_t hidden = shape.back();
  if (args.strategy == Strategy::kToken) {
    // (batch, positions ..., hidden); a 2-D input is a batch of one.
    const std::int64_t batch = is_2d ? 1 : shape[0];
    const Shape positions = shape.subspan(is_2d ? 0 : 1, shape.size() - (is_2d ? 1 : 2));
    return Finish({batch, Product(positions) * hidden, batch, hidden},
                  {positions.begin(), positions.end()}, observations);
  }

  // (batch, seq, kept ..., hidden): the first two dimensions are flattened and reduced. The
  // dimensions between them and hidden are kept. In a 2-D input the first dimension alone is the
  // tokens.
  const std::int64_t group_size = *args.group_size;
  RETURN_IF_ERROR(CheckLastDivisible(shape, group_size));
  const std::size_t num_reduced = is_2d ? 1 : 2;
  const std::int64_t tokens = Product(shape.first(num_reduced));
  const Shape kept = shape.subspan(num_reduced, shape.size() - num_reduced - 1);
  return Finish({tokens, Product(kept) * hidden, tokens, group_size},
                With(kept, hidden / group_size), observations);
}

absl::StatusOr<View> AttentionView(const Subject& subject, const QuantizationArgs& args) {
  const Shape shape = subject.shape;
  if (shape.size() != 4) return subject.RankError("exactly 4 (batch, heads, seq, head_dim)");
  const std::int64_t batch = shape[0];
  const std::int64_t heads = shape[1];
  const std::int64_t observations = batch * shape[2];
  if (args.strategy == Strategy::kTensor) return OneParameter(shape, {1}, observations);
  const std::int64_t head_size = shape[2] * shape[3];
  return Finish({batch, heads * head_size, batch, head_size}, {heads, 1, 1}, observations);
}

}  // namespace

bool View::IsPadded(std::int64_t p) const {
  const bool in_last_rows = p / kept_inner == kept_outer - 1;
  const bool in_last_run = p % kept_inner == kept_inner - 1;
  return (in_last_rows && rows % reduced_outer != 0) ||
         (in_last_run && row_length % reduced_inner != 0);
}

absl::StatusOr<std::int64_t> NumElements(absl::Span<const std::int64_t> shape) {
  if (shape.size() > kMaxRank) {
    // The message does not hold the whole shape, because nothing limits its length.
    return absl::InvalidArgumentError(
        absl::StrCat("shape beginning with ", ShapeText(shape.first(kMaxRank)), " has ",
                     shape.size(), " dimensions (allowed: up to ", kMaxRank, ")"));
  }
  std::int64_t product = 1;
  bool has_zero = false;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t dim = shape[i];
    if (dim < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", ShapeText(shape), " has a negative dimension (", dim, " at position ", i, ")"));
    }
    if (dim == 0) {
      has_zero = true;
    } else if (product > kMaxElements / dim) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", ShapeText(shape), " is too large: its dimensions multiply to more than 2^56"));
    } else {
      product *= dim;
    }
  }
  return has_zero ? 0 : product;
}

std::string ShapeText(absl::Span<const std::int64_t> shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::StatusOr<View> MakeView(BaseName base_name, const QuantizationArgs& args,
                              Arithmetic arithmetic, absl::Span<const std::int64_t> shape) {
  RETURN_IF_ERROR(CheckStrategy(base_name, args.strategy));
  RETURN_IF_ERROR(NumElements(shape).status());
  const Subject subject{base_name, args.strategy, shape};
  if (IsWeight(base_name)) return WeightView(subject, args);
  if (IsActivation(base_name)) return ActivationView(subject, args, arithmetic);
  return AttentionView(subject, args);
}

absl::Status CheckStrategy(BaseName base_name, Strategy strategy) {
  const absl::Span<const Strategy> allowed = AllowedStrategies(base_name);
  if (std::find(allowed.begin(), allowed.end(), strategy) != allowed.end()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "strategy \"", StrategyName(strategy), "\" cannot be applied to ", Noun(base_name),
      ": the reference refuses it (allowed: ",
      absl::StrJoin(allowed, ", ",
                    [](std::string* out, Strategy s) { absl::StrAppend(out, StrategyName(s)); }),
      ")"));
}

}  // namespace calipers
