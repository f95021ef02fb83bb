#include "client/cli/commands/qparams_options.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands/exclude_option.h"
#include "client/formats/as_bytes.h"
#include "client/formats/mapped_file.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

// Returns `given`, or with a leading @ the content of the file that it names.
absl::StatusOr<std::string> ReadArgs(const std::string& given) {
  if (given.empty() || given.front() != '@') return given;
  ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(given.substr(1)));
  return std::string(AsText(file.bytes()));
}

// [PATH=]NAME,NAME...
v1::Fusion::Group ToGroup(absl::string_view given) {
  v1::Fusion::Group group;
  if (const std::size_t end = given.find('='); end != absl::string_view::npos) {
    group.set_path_glob(std::string(given.substr(0, end)));
    given.remove_prefix(end + 1);
  }
  for (const absl::string_view name : absl::StrSplit(given, ',')) {
    group.add_names(std::string(name));
  }
  return group;
}

}  // namespace

void QParamsOptions::AddTo(CLI::App& command) {
  command.add_option("--scheme", schemes,
                     "A preset of compressed-tensors, such as W8A8, W4A16, FP8 or NVFP4; can be "
                     "repeated");
  command.add_option(
      "--args", args,
      "QuantizationArgs as JSON, in the form of a recipe, or @FILE; can be repeated");
  CLI::Option* const fuse =
      command
          .add_option(
              "--fuse", groups,
              "[PATH=]NAME,NAME...: last name parts of modules that share a global scale, such as "
              "query,key,value; with PATH, a glob over the name up to the last part, only there: "
              "'*.layers.1.*=query,key'. "
              "Known groups such as q_proj,k_proj,v_proj and gate_proj,up_proj stay in force, "
              "unless they share a name with this one")
          ->take_all();
  command.add_flag("--no-fusion", no_fusion, "Every weight has a global scale of its own")
      ->excludes(fuse);
  command.add_option("--peers-behind", peers_behind,
                     "A name part, such as experts. A session without data takes the range of its "
                     "peers, whose names differ only in the part after this one");
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
  for (const std::string& given : groups) *request.mutable_fusion()->add_groups() = ToGroup(given);
  if (no_fusion) request.mutable_fusion()->set_mode(v1::Fusion::MODE_NONE);
  request.mutable_fallback()->mutable_peers_behind()->Assign(peers_behind.begin(),
                                                             peers_behind.end());
  ASSIGN_OR_RETURN(const auto ranges, ParseExclude(exclude));
  request.mutable_exclude()->Assign(ranges.begin(), ranges.end());
  return request;
}

}  // namespace calipers::client
