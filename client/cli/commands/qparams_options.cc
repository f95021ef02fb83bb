#include "client/cli/commands/qparams_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands/exclude_option.h"
#include "client/formats/mapped_file.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

// The JSON itself, or with an @ the file that holds it.
absl::StatusOr<std::string> ReadArgs(const std::string& given) {
  if (given.empty() || given.front() != '@') return given;
  ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(given.substr(1)));
  return std::string(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
}

}  // namespace

void QParamsOptions::AddTo(CLI::App& command) {
  command.add_option("--scheme", schemes,
                     "A preset of compressed-tensors, such as W8A8, W4A16, FP8 or NVFP4; may be "
                     "given again");
  command.add_option(
      "--args", args,
      "QuantizationArgs as JSON, as a recipe has them, or @FILE; may be given again");
  CLI::Option* const fuse =
      command
          .add_option(
              "--fuse", groups,
              "Last parts of modules that share a global scale, besides q_proj,k_proj,v_proj, "
              "gate_proj,up_proj and others that are known: --fuse query,key,value")
          ->take_all();
  command.add_flag("--no-fusion", no_fusion, "Every weight has a global scale of its own")
      ->excludes(fuse);
  command.add_option("--peers-behind", peers_behind,
                     "A session that saw nothing takes the range of those that differ in the part "
                     "behind this one: experts");
  AddExcludeOption(command, exclude);
}

std::vector<std::string> QParamsOptions::SpecNames() const {
  std::vector<std::string> names = schemes;
  for (std::size_t i = 1; i <= args.size(); ++i) names.push_back(absl::StrCat("args", i));
  if (names.empty()) names.emplace_back("session");
  return names;
}

absl::StatusOr<v1::BatchGetQParamsRequest> QParamsOptions::ToRequest() const {
  v1::BatchGetQParamsRequest request;
  for (const std::string& scheme : schemes) request.add_specs()->set_scheme(scheme);
  for (const std::string& given : args) {
    ASSIGN_OR_RETURN(*request.add_specs()->mutable_args_json(), ReadArgs(given));
  }
  for (const std::string& group : groups) {
    v1::Fusion::Group& names = *request.mutable_fusion()->add_groups();
    for (const absl::string_view name : absl::StrSplit(group, ',')) {
      names.add_names(std::string(name));
    }
  }
  if (no_fusion) request.mutable_fusion()->set_mode(v1::Fusion::MODE_NONE);
  request.mutable_fallback()->mutable_peers_behind()->Assign(peers_behind.begin(),
                                                             peers_behind.end());
  ASSIGN_OR_RETURN(const auto ranges, ParseExclude(exclude));
  request.mutable_exclude()->Assign(ranges.begin(), ranges.end());
  return request;
}

}  // namespace calipers::client
