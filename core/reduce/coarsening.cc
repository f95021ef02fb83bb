#include "core/reduce/coarsening.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/args/arithmetic.h"
#include "core/reduce/reducer.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

bool IsGroups(const QuantizationArgs& args) {
  return args.strategy == Strategy::kGroup || args.strategy == Strategy::kTensorGroup;
}

std::string Text(const QuantizationArgs& args) {
  std::string text(StrategyName(args.strategy));
  if (IsGroups(args)) absl::StrAppend(&text, " with group_size ", *args.group_size);
  if (args.strategy == Strategy::kBlock) {
    absl::StrAppend(&text, " with block_structure ", ShapeText(args.block_structure));
  }
  return text;
}

// The strategies with which a series must be observed so that it can be converted to `to`.
std::string WhichCould(BaseName base_name, const QuantizationArgs& to) {
  std::string itself = Text(to);
  if (IsGroups(to)) {
    return absl::StrCat(itself, ", or groups whose size divides ", *to.group_size);
  }
  if (base_name == BaseName::kWeight && to.strategy == Strategy::kChannel) {
    return "channel, or groups of any size";
  }
  if (base_name == BaseName::kWeight && to.strategy == Strategy::kBlock) {
    return absl::StrCat(itself, ", or groups whose size divides ", to.block_structure[1]);
  }
  return itself;
}

absl::Status CannotGive(BaseName base_name, const QuantizationArgs& from,
                        const QuantizationArgs& to) {
  return absl::FailedPreconditionError(
      absl::StrCat("a series observed with strategy ", Text(from), " cannot give ", Text(to),
                   ": one observed with strategy ", WhichCould(base_name, to), " could"));
}

bool SameGeometry(const QuantizationArgs& a, const QuantizationArgs& b) {
  if (IsGroups(a) && IsGroups(b)) return a.group_size == b.group_size;
  return a.strategy == b.strategy && a.block_structure == b.block_structure;
}

// The args that reduce a tensor, whose elements are the parameters of `from`, to the parameters of
// `to`. Nothing if there are no such args.
std::optional<QuantizationArgs> ArgsOfUnion(BaseName base_name, const QuantizationArgs& from,
                                            const QuantizationArgs& to) {
  const std::int64_t size = *from.group_size;
  QuantizationArgs args;
  args.strategy = to.strategy;
  if (IsGroups(to) && *to.group_size % size == 0) {
    args.strategy = Strategy::kGroup;
    args.group_size = *to.group_size / size;
    return args;
  }
  if (base_name != BaseName::kWeight) return std::nullopt;
  if (to.strategy == Strategy::kChannel) return args;
  if (to.strategy == Strategy::kBlock && to.block_structure[1] % size == 0) {
    args.block_structure = {to.block_structure[0], to.block_structure[1] / size};
    return args;
  }
  return std::nullopt;
}

// The record of the tensor with these elements.
Record Reduce(Dtype dtype, const View& view, absl::Span<const std::byte> elements) {
  Reducer reducer(dtype, view, /*num_observations=*/0);
  // Update cannot fail: the view was made for the shape of `elements`.
  reducer.Update(elements).IgnoreError();
  return *std::move(reducer).Finish();
}

}  // namespace

absl::StatusOr<Coarsening> Coarsening::Make(BaseName base_name, const QuantizationArgs& from,
                                            absl::Span<const std::int64_t> qparam_shape,
                                            const QuantizationArgs& to) {
  if (SameGeometry(from, to)) {
    return Coarsening(Kind::kIdentity, {qparam_shape.begin(), qparam_shape.end()}, std::nullopt);
  }
  if (to.strategy == Strategy::kTensor) return Coarsening(Kind::kTensor, {1}, std::nullopt);
  if (!IsGroups(from)) return CannotGive(base_name, from, to);
  return OfGroups(base_name, from, qparam_shape, to);
}

absl::StatusOr<Coarsening> Coarsening::OfGroups(BaseName base_name, const QuantizationArgs& from,
                                                absl::Span<const std::int64_t> qparam_shape,
                                                const QuantizationArgs& to) {
  const std::optional<QuantizationArgs> args = ArgsOfUnion(base_name, from, to);
  // In reference arithmetic a 2-D input has only one parameter, whatever its groups.
  if (!args || qparam_shape.empty()) return CannotGive(base_name, from, to);
  std::vector<std::int64_t> shape(qparam_shape.begin(), qparam_shape.end());
  // Groups of an input reduce the first two dimensions of a tensor, batch and seq, and keep the
  // rest.
  if (base_name != BaseName::kWeight) shape.insert(shape.begin(), 2, 1);
  // Exact arithmetic takes a 2-D input as tokens x hidden.
  absl::StatusOr<View> view = MakeView(base_name, *args, Arithmetic::kExact, shape);
  if (!view.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "a series of qparam shape ", ShapeText(qparam_shape), " observed with strategy ",
        Text(from), " cannot give ", Text(to), ": ", view.status().message()));
  }
  std::vector<std::int64_t> coarse = view->qparam_shape;
  return Coarsening(Kind::kUnion, std::move(coarse), *std::move(view));
}

Record Coarsening::operator()(const Record& record) const {
  if (record.empty() || IsIdentity()) return record;
  if (IsTensor()) {
    return *Record::Make(record.dtype(), record.num_observations(), record.global_min(),
                         record.global_max(), record.global_min(), record.global_max());
  }
  const Record low = Reduce(record.dtype(), *view_, record.min());
  const Record high = Reduce(record.dtype(), *view_, record.max());
  return *Record::Make(record.dtype(), record.num_observations(), low.min(), high.max(),
                       record.global_min(), record.global_max());
}

}  // namespace calipers
