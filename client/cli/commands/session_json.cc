#include "client/cli/commands/session_json.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/reduce/geometry.h"

namespace calipers::client {
namespace {

using nlohmann::ordered_json;

// An enum value's name without its prefix, in the flags' spelling.
std::string Short(absl::string_view name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(name, prefix));
}

std::vector<std::int64_t> ToVector(const google::protobuf::RepeatedField<std::int64_t>& values) {
  return {values.begin(), values.end()};
}

}  // namespace

ordered_json ToJson(const v1::Progress& progress) {
  ordered_json missing = ordered_json::array();
  for (const v1::IndexRange& range : progress.missing()) {
    missing.push_back({{"start", range.start()}, {"end", range.end()}});
  }
  return {{"count", progress.count()},
          {"folded_count", progress.folded_count()},
          {"contiguous_prefix", progress.contiguous_prefix()},
          {"end_index", progress.end_index()},
          {"missing", std::move(missing)},
          {"missing_range_count", progress.missing_range_count()},
          {"num_observations", progress.num_observations()},
          {"conflict_count", progress.conflict_count()}};
}

ordered_json ToJson(const v1::QuantizationArgs& args) {
  ordered_json json = {
      {"num_bits", args.num_bits()},
      {"type", Short(v1::QuantizationType_Name(args.type()), "QUANTIZATION_TYPE_")},
      {"symmetric", args.symmetric()},
      {"strategy", Short(v1::Strategy_Name(args.strategy()), "STRATEGY_")}};
  if (args.has_group_size()) json["group_size"] = args.group_size();
  if (!args.block_structure().empty()) {
    json["block_structure"] = ToVector(args.block_structure());
  }
  json["dynamic"] = Short(v1::Dynamic_Name(args.dynamic()), "DYNAMIC_");
  if (!args.scale_dtype().empty()) json["scale_dtype"] = args.scale_dtype();
  if (!args.zp_dtype().empty()) json["zp_dtype"] = args.zp_dtype();
  if (args.actorder() != v1::ACTORDER_UNSPECIFIED) {
    json["actorder"] = Short(v1::Actorder_Name(args.actorder()), "ACTORDER_");
  }
  json["observer"] = args.observer();
  json["observer_kwargs"] = {{"averaging_constant", args.observer_kwargs().averaging_constant()}};
  return json;
}

ordered_json ToJson(const google::rpc::Status& status) {
  return {{"code", absl::StatusCodeToString(static_cast<absl::StatusCode>(status.code()))},
          {"message", status.message()}};
}

ordered_json ToJson(const v1::Session& session) {
  ordered_json json = {
      {"name", session.name()},
      {"args", ToJson(session.args())},
      {"arithmetic", Short(v1::Arithmetic_Name(session.arithmetic()), "ARITHMETIC_")},
      {"non_finite_policy",
       Short(v1::NonFinitePolicy_Name(session.non_finite_policy()), "NON_FINITE_POLICY_")},
      {"weighting", Short(v1::Weighting_Name(session.weighting()), "WEIGHTING_")},
      {"retention", Short(v1::Retention_Name(session.retention()), "RETENTION_")},
      {"dtype", session.dtype()},
      {"observed_dtype", session.observed_dtype()},
      {"qparam_shape", ToVector(session.qparam_shape())},
      {"progress", ToJson(session.progress())}};
  if (session.has_sealed_count()) json["sealed_count"] = session.sealed_count();
  if (session.has_problem()) json["problem"] = session.problem().message();
  return json;
}

ordered_json ToJson(const google::protobuf::RepeatedPtrField<v1::QParamsNote>& notes) {
  ordered_json json = ordered_json::array();
  for (const v1::QParamsNote& note : notes) {
    json.push_back({{"trap", note.trap()},
                    {"repaired", note.repaired()},
                    {"count", note.count()},
                    {"first", note.first()},
                    {"text", note.text()}});
  }
  return json;
}

ordered_json ToJson(const StreamTotals& totals) {
  return {{"stored", totals.stored},
          {"duplicates", totals.duplicates},
          {"conflicts", totals.conflicts},
          {"rejected", totals.rejected},
          {"reconnects", totals.reconnects}};
}

std::string MissingText(const v1::Progress& progress) {
  constexpr int kShown = 3;
  if (progress.missing_range_count() == 0) return "0";
  std::vector<std::string> parts;
  for (const v1::IndexRange& range : progress.missing()) {
    if (parts.size() == kShown) break;
    parts.push_back(range.end() == range.start() + 1
                        ? absl::StrCat(range.start())
                        : absl::StrCat(range.start(), "-", range.end() - 1));
  }
  return absl::StrCat(absl::StrJoin(parts, ","),
                      progress.missing_range_count() > kShown ? ",..." : "");
}

std::string StrategyText(const v1::QuantizationArgs& args) {
  std::string text = Short(v1::Strategy_Name(args.strategy()), "STRATEGY_");
  if (args.has_group_size()) absl::StrAppend(&text, " ", args.group_size());
  if (!args.block_structure().empty()) {
    absl::StrAppend(&text, " ", absl::StrJoin(args.block_structure(), "x"));
  }
  return text;
}

std::string ShapeTextOf(const google::protobuf::RepeatedField<std::int64_t>& shape) {
  return shape.empty() ? "-" : ShapeText(ToVector(shape));
}

}  // namespace calipers::client
