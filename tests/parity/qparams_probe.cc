// Answers questions with core/qparams/qparams.h and core/args/quantization_args_json.h. Standard
// input has one JSON object on each line, and standard output one answer on each line.
// tests/parity/qparams_probe.py runs the program and describes the members of both.

#include <cstddef>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "core/args/arithmetic.h"
#include "core/args/preset_schemes.h"
#include "core/args/quantization_args_json.h"
#include "core/qparams/qparams.h"
#include "core/status_macros.h"
#include "core/tensor/dtype.h"
#include "core/tensor/torch_dtype.h"
#include "nlohmann/json.hpp"

namespace calipers {
namespace {

using Json = nlohmann::json;

// Parses lower-case hexadecimal digits. Debian's versions of Abseil have different signatures of
// absl::HexStringToBytes, and the older one is deprecated in the newer version.
Elements ElementsOf(Dtype dtype, const std::string& hex) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  Elements elements{dtype, std::vector<std::byte>(hex.size() / 2)};
  for (std::size_t i = 0; i < elements.bytes.size(); ++i) {
    elements.bytes[i] = static_cast<std::byte>(16 * digit(hex[2 * i]) + digit(hex[2 * i + 1]));
  }
  return elements;
}

absl::StatusOr<ElementRange> RangeOf(const Json& json) {
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(json["dtype"].get<std::string>()));
  return ElementRange{ElementsOf(dtype, json["min"]), ElementsOf(dtype, json["max"])};
}

Json ToJson(const ShapedElements& tensor) {
  const auto* data = reinterpret_cast<const char*>(tensor.elements.bytes.data());
  return {{"dtype", DtypeName(tensor.elements.dtype)},
          {"shape", tensor.shape},
          {"data", absl::BytesToHexString({data, tensor.elements.bytes.size()})}};
}

Json ToJson(const std::vector<QParamsNote>& notes) {
  Json json = Json::array();
  for (const QParamsNote& note : notes) {
    json.push_back({{"trap", static_cast<int>(note.trap)},
                    {"repaired", note.outcome == TrapOutcome::kRepaired},
                    {"count", note.count},
                    {"first", note.first},
                    {"text", NoteText(note)}});
  }
  return json;
}

Json ToJson(const QParams& qparams) {
  Json json = {{"scale", ToJson(qparams.scale)},
               {"zero_point", ToJson(qparams.zero_point)},
               {"notes", ToJson(qparams.notes)}};
  if (qparams.global_scale) json["global_scale"] = ToJson(*qparams.global_scale);
  return json;
}

absl::StatusOr<Json> Args(const Json& request) {
  ASSIGN_OR_RETURN(const QuantizationArgs args,
                   QuantizationArgsFromJson(request["text"].get<std::string>()));
  return Json{{"json", QuantizationArgsToJson(args)}, {"zp_dtype", TorchDtypeName(ZpDtype(args))}};
}

absl::StatusOr<Json> QParamsOf(const Json& request) {
  ASSIGN_OR_RETURN(const QuantizationArgs args,
                   QuantizationArgsFromJson(request["args"].get<std::string>()));
  ASSIGN_OR_RETURN(const Dtype observed, ParseDtype(request["observed"].get<std::string>()));
  const QParamsOptions options{
      .arithmetic = request["arithmetic"] == "exact" ? Arithmetic::kExact : Arithmetic::kReference,
      .observed_dtype = observed};
  ASSIGN_OR_RETURN(const ElementRange range, RangeOf(request["range"]));
  std::vector<ElementRange> fused;
  for (const Json& member : request["global_ranges"]) {
    ASSIGN_OR_RETURN(fused.emplace_back(), RangeOf(member));
  }
  ASSIGN_OR_RETURN(const ElementRange global_range, FuseRanges(fused));
  const std::vector<std::int64_t> shape = request["range"]["shape"];
  ASSIGN_OR_RETURN(const QParams qparams, DeriveQParams(range, shape, global_range, args, options));
  return Json{{"returned", ToJson(qparams)}, {"stored", ToJson(AsStored(qparams, observed))}};
}

Json ArgsJson(const std::optional<QuantizationArgs>& args) {
  if (!args) return nullptr;
  return Json{{"json", QuantizationArgsToJson(*args)},
              {"zp_dtype", TorchDtypeName(ZpDtype(*args))}};
}

absl::StatusOr<Json> Presets() {
  Json presets = Json::array();
  for (const absl::string_view name : PresetSchemeNames()) {
    ASSIGN_OR_RETURN(const QuantizationScheme scheme, PresetScheme(name));
    presets.push_back({{"name", name},
                       {"weights", ArgsJson(scheme.weights)},
                       {"input_activations", ArgsJson(scheme.input_activations)},
                       {"output_activations", ArgsJson(scheme.output_activations)}});
  }
  return presets;
}

absl::StatusOr<Json> Answer(const Json& request) {
  const std::string op = request["op"];
  if (op == "args") return Args(request);
  if (op == "qparams") return QParamsOf(request);
  if (op == "presets") return Presets();
  return absl::InvalidArgumentError("op is not known (allowed: args, qparams, presets)");
}

void Run() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto answer = Answer(Json::parse(line));
    const Json json = answer.ok()
                          ? Json{{"answer", *answer}}
                          : Json{{"error", answer.status().message()},
                                 {"code", absl::StatusCodeToString(answer.status().code())}};
    std::cout << json.dump() << std::endl;
  }
}

}  // namespace
}  // namespace calipers

int main() {
  calipers::Run();
  return 0;
}
