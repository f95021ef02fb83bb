#include "server/model/session_spec.h"

#include <array>
#include <charconv>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

std::string Text(const std::optional<std::int64_t>& value) {
  return value ? absl::StrCat(*value) : "absent";
}
std::string Text(const std::optional<Dtype>& dtype) {
  return dtype ? std::string(DtypeName(*dtype)) : "any";
}
std::string Text(Arithmetic a) { return a == Arithmetic::kExact ? "exact" : "reference"; }
std::string Text(Weighting w) { return w == Weighting::kUniform ? "uniform" : "num_observations"; }
std::string Text(NonFinitePolicy p) {
  switch (p) {
    case NonFinitePolicy::kPropagate:
      return "propagate";
    case NonFinitePolicy::kReject:
      return "reject";
    case NonFinitePolicy::kSkip:
      return "skip";
  }
  return "?";
}
std::string Text(std::int64_t value) { return absl::StrCat(value); }
std::string Text(bool value) { return value ? "true" : "false"; }
std::string Text(QuantizationType t) { return std::string(QuantizationTypeName(t)); }
std::string Text(Dynamic d) { return std::string(DynamicName(d)); }
std::string Text(const std::optional<Actorder>& actorder) {
  return actorder ? std::string(ActorderName(*actorder)) : "absent";
}
std::string Text(Retention r) { return r == Retention::kSeries ? "series" : "folded"; }
std::string Text(Strategy s) { return std::string(StrategyName(s)); }
std::string Text(const std::string& s) { return s; }
// The shortest text that stands for this number only.
std::string Text(double d) {
  std::array<char, 32> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), d).ptr};
}
std::string Text(const std::vector<std::int64_t>& v) { return ShapeText(v); }
std::string Text(const StatisticSet& statistics) {
  const auto name = [](std::string* out, const Statistic* statistic) {
    absl::StrAppend(out, statistic->name());
  };
  return absl::StrCat("[", absl::StrJoin(statistics, ", ", name), "]");
}

}  // namespace

absl::Status CheckSpec(BaseName base_name, const SessionSpec& spec) {
  RETURN_IF_ERROR(CheckStrategy(base_name, spec.args.strategy));
  for (const Statistic* const statistic : spec.statistics) {
    RETURN_IF_ERROR(statistic->CheckSession(base_name, spec.args));
  }
  return spec.dtype ? CheckFoldable(*spec.dtype, spec.arithmetic) : absl::OkStatus();
}

absl::Status CheckFoldable(Dtype dtype, Arithmetic arithmetic) {
  if (arithmetic == Arithmetic::kReference && IsFloat8(dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat("dtype ", DtypeName(dtype),
                     " cannot be folded in reference arithmetic: PyTorch does not reduce it "
                     "(create the session with exact arithmetic)"));
  }
  return absl::OkStatus();
}

std::string DescribeDifference(const SessionSpec& have, const SessionSpec& given) {
  std::vector<std::string> parts;
  const auto compare = [&parts](absl::string_view field, const auto& a, const auto& b) {
    if (!(a == b)) parts.push_back(absl::StrCat(field, " is ", Text(a), ", given ", Text(b)));
  };
  compare("num_bits", have.args.num_bits, given.args.num_bits);
  compare("type", have.args.type, given.args.type);
  compare("symmetric", have.args.symmetric, given.args.symmetric);
  compare("strategy", have.args.strategy, given.args.strategy);
  compare("group_size", have.args.group_size, given.args.group_size);
  compare("block_structure", have.args.block_structure, given.args.block_structure);
  compare("dynamic", have.args.dynamic, given.args.dynamic);
  compare("actorder", have.args.actorder, given.args.actorder);
  compare("scale_dtype", have.args.scale_dtype, given.args.scale_dtype);
  compare("zp_dtype", have.args.zp_dtype, given.args.zp_dtype);
  compare("observer", have.args.observer, given.args.observer);
  compare("averaging_constant", have.args.averaging_constant, given.args.averaging_constant);
  compare("arithmetic", have.arithmetic, given.arithmetic);
  compare("non_finite_policy", have.non_finite_policy, given.non_finite_policy);
  compare("weighting", have.weighting, given.weighting);
  compare("dtype", have.dtype, given.dtype);
  compare("retention", have.retention, given.retention);
  compare("statistics", have.statistics, given.statistics);
  return absl::StrJoin(parts, "; ");
}

}  // namespace calipers::server
