#include "core/args/quantization_args_json.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/status_macros.h"
#include "core/tensor/torch_dtype.h"
#include "nlohmann/json.hpp"

namespace calipers {
namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

constexpr std::size_t kMaxBytes = std::size_t{64} << 10;
constexpr int kMaxDepth = 32;
constexpr std::size_t kShownBytes = 64;

// A value as text for messages, cut to kShownBytes.
std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

absl::Status Refused(absl::string_view field, const Json& value, absl::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, " ", Shown(value), " is not known (allowed: ", allowed, ")"));
}

absl::StatusOr<Json> ParseObject(absl::string_view text) {
  if (text.size() > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "quantization args of ", text.size(), " bytes are too long (allowed: ", kMaxBytes, ")"));
  }
  bool too_deep = false;
  const auto within = [&too_deep](int depth, Json::parse_event_t, const Json&) {
    too_deep |= depth > kMaxDepth;
    return !too_deep;
  };
  Json parsed = Json::parse(text.begin(), text.end(), within, /*allow_exceptions=*/false);
  if (too_deep) {
    return absl::InvalidArgumentError(
        absl::StrCat("quantization args are nested too deep (allowed: ", kMaxDepth, ")"));
  }
  if (!parsed.is_object()) {
    return absl::InvalidArgumentError("quantization args are not a JSON object");
  }
  return parsed;
}

// A whole number. A fraction of zero, as in 8.0, is accepted.
absl::StatusOr<std::int64_t> ParseInteger(absl::string_view field, const Json& value) {
  constexpr auto kMax = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (value.is_number_unsigned() && value.get<std::uint64_t>() <= kMax) {
    return value.get<std::int64_t>();
  }
  if (value.is_number_integer() && !value.is_number_unsigned()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::fabs(number) < 0x1p63 && std::trunc(number) == number) {
      return static_cast<std::int64_t>(number);
    }
  }
  return Refused(field, value, "an integer");
}

absl::StatusOr<std::string> ParseText(absl::string_view field, const Json& value,
                                      absl::string_view allowed) {
  if (!value.is_string()) return Refused(field, value, allowed);
  return value.get<std::string>();
}

absl::Status ReadNumBits(const Json& value, QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(input.num_bits, ParseInteger("num_bits", value));
  return absl::OkStatus();
}

absl::Status ReadType(const Json& value, QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(const std::string name, ParseText("type", value, "\"int\", \"float\""));
  ASSIGN_OR_RETURN(input.type, ParseQuantizationType(absl::AsciiStrToLower(name)));
  return absl::OkStatus();
}

absl::Status ReadSymmetric(const Json& value, QuantizationArgsInput& input) {
  if (!value.is_boolean()) return Refused("symmetric", value, "true, false");
  input.symmetric = value.get<bool>();
  return absl::OkStatus();
}

absl::Status ReadGroupSize(const Json& value, QuantizationArgsInput& input) {
  if (value.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(input.group_size, ParseInteger("group_size", value));
  return absl::OkStatus();
}

absl::Status ReadStrategy(const Json& value, QuantizationArgsInput& input) {
  if (value.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string name, ParseText("strategy", value, "a name or null"));
  ASSIGN_OR_RETURN(input.strategy, ParseStrategy(absl::AsciiStrToLower(name)));
  return absl::OkStatus();
}

// The two numbers, which may have any sign. {} if `value` has another form.
std::vector<std::int64_t> BlockSides(const Json& value) {
  std::vector<std::int64_t> sides;
  if (value.is_string()) {
    for (const absl::string_view side : absl::StrSplit(value.get<std::string>(), 'x')) {
      if (!absl::SimpleAtoi(side, &sides.emplace_back())) return {};
    }
  } else if (value.is_array()) {
    for (const Json& side : value) {
      const auto number = ParseInteger("block_structure", side);
      if (!side.is_number_integer() || !number.ok()) return {};
      sides.push_back(*number);
    }
  }
  if (sides.size() != 2) return {};
  return sides;
}

absl::Status ReadBlockStructure(const Json& value, QuantizationArgsInput& input) {
  if (value.is_null()) return absl::OkStatus();
  std::vector<std::int64_t> sides = BlockSides(value);
  if (sides.empty() || sides[0] <= 0 || sides[1] <= 0) {
    return Refused("block_structure", value, "[height, width] or \"HEIGHTxWIDTH\", both above 0");
  }
  input.block_structure = std::move(sides);
  return absl::OkStatus();
}

absl::Status ReadDynamic(const Json& value, QuantizationArgsInput& input) {
  if (value.is_boolean()) {
    input.dynamic = value.get<bool>() ? Dynamic::kTrue : Dynamic::kFalse;
    return absl::OkStatus();
  }
  if (value.is_string() && absl::AsciiStrToLower(value.get<std::string>()) == "local") {
    input.dynamic = Dynamic::kLocal;
    return absl::OkStatus();
  }
  return Refused("dynamic", value, "false, true, \"local\"");
}

absl::Status ReadActorder(const Json& value, QuantizationArgsInput& input) {
  if (value.is_null() || value == Json(false)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string name,
                   ParseText("actorder", value, "\"weight\", \"static\", false, null"));
  ASSIGN_OR_RETURN(input.actorder, ParseActorder(name));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Dtype>> ReadDtype(absl::string_view field, const Json& value) {
  if (value.is_null()) return std::optional<Dtype>();
  ASSIGN_OR_RETURN(const std::string name, ParseText(field, value, "a dtype's name or null"));
  ASSIGN_OR_RETURN(const Dtype dtype, ParseTorchDtype(field, name));
  return std::optional<Dtype>(dtype);
}

absl::Status ReadScaleDtype(const Json& value, QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(input.scale_dtype, ReadDtype("scale_dtype", value));
  return absl::OkStatus();
}

absl::Status ReadZpDtype(const Json& value, QuantizationArgsInput& input) {
  ASSIGN_OR_RETURN(input.zp_dtype, ReadDtype("zp_dtype", value));
  return absl::OkStatus();
}

absl::Status ReadObserver(const Json& value, QuantizationArgsInput& input) {
  if (value.is_null()) return absl::OkStatus();
  ASSIGN_OR_RETURN(input.observer, ParseText("observer", value, "a name or null"));
  if (input.observer.empty()) return Refused("observer", value, "a name or null");
  return absl::OkStatus();
}

absl::Status ReadObserverKwargs(const Json& value, QuantizationArgsInput& input) {
  if (!value.is_object()) return Refused("observer_kwargs", value, "an object");
  for (const auto& [name, content] : value.items()) {
    if (name == "averaging_constant") {
      if (!content.is_number()) {
        return Refused("observer_kwargs.averaging_constant", content, "a number in [0, 1]");
      }
      input.averaging_constant = content.get<double>();
    }
    input.observer_kwargs[name] = content.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  return absl::OkStatus();
}

struct Member {
  absl::string_view name;
  absl::Status (*read)(const Json& value, QuantizationArgsInput& input);
};

constexpr std::array<Member, 12> kMembers = {{{"num_bits", ReadNumBits},
                                              {"type", ReadType},
                                              {"symmetric", ReadSymmetric},
                                              {"group_size", ReadGroupSize},
                                              {"strategy", ReadStrategy},
                                              {"block_structure", ReadBlockStructure},
                                              {"dynamic", ReadDynamic},
                                              {"actorder", ReadActorder},
                                              {"scale_dtype", ReadScaleDtype},
                                              {"zp_dtype", ReadZpDtype},
                                              {"observer", ReadObserver},
                                              {"observer_kwargs", ReadObserverKwargs}}};

absl::Status ReadMember(const std::string& name, const Json& value, QuantizationArgsInput& input) {
  for (const Member& member : kMembers) {
    if (member.name == name) return member.read(value, input);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "quantization args have no member ", Shown(Json(name)), " (allowed: ",
      absl::StrJoin(
          kMembers, ", ",
          [](std::string* out, const Member& member) { absl::StrAppend(out, member.name); }),
      ")"));
}

OrderedJson DynamicJson(Dynamic dynamic) {
  if (dynamic == Dynamic::kLocal) return "local";
  return dynamic == Dynamic::kTrue;
}

OrderedJson KwargsJson(const QuantizationArgs& args) {
  OrderedJson kwargs = OrderedJson::object();
  for (const auto& [name, value] : args.observer_kwargs) {
    kwargs[name] = OrderedJson::parse(value, nullptr, /*allow_exceptions=*/false);
  }
  return kwargs;
}

}  // namespace

absl::StatusOr<QuantizationArgs> QuantizationArgsFromJson(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json object, ParseObject(text));
  QuantizationArgsInput input;
  for (const auto& [name, value] : object.items()) {
    RETURN_IF_ERROR(ReadMember(name, value, input));
  }
  ASSIGN_OR_RETURN(QuantizationArgs args, CheckQuantizationArgs(input));
  // A null counts as given too. Then the args hold the dtype that ZpDtype derives.
  if (object.contains("zp_dtype")) args.zp_dtype = ZpDtype(args);
  return args;
}

std::string QuantizationArgsToJson(const QuantizationArgs& args) {
  OrderedJson json;
  json["num_bits"] = args.num_bits;
  json["type"] = QuantizationTypeName(args.type);
  json["symmetric"] = args.symmetric;
  json["group_size"] = nullptr;
  if (args.group_size) json["group_size"] = *args.group_size;
  json["strategy"] = StrategyName(args.strategy);
  if (!args.block_structure.empty()) json["block_structure"] = args.block_structure;
  json["dynamic"] = DynamicJson(args.dynamic);
  if (args.actorder) json["actorder"] = ActorderName(*args.actorder);
  if (args.scale_dtype) json["scale_dtype"] = TorchDtypeName(*args.scale_dtype);
  if (args.zp_dtype && !args.symmetric) json["zp_dtype"] = TorchDtypeName(*args.zp_dtype);
  if (!args.observer.empty()) json["observer"] = args.observer;
  if (!args.observer_kwargs.empty()) json["observer_kwargs"] = KwargsJson(args);
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace calipers
