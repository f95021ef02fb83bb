#include "server/qparams/fused_groups.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxGroups = 64;
constexpr std::size_t kMaxNames = 16;

absl::Status CheckNames(const std::vector<std::string>& group) {
  if (group.size() < 2 || group.size() > kMaxNames) {
    return absl::InvalidArgumentError(absl::StrCat("a group of fusion has ", group.size(),
                                                   " names; 2 to ", kMaxNames, " are allowed"));
  }
  for (const std::string& name : group) {
    // A module's name may also have dots and slashes, but these separate its parts.
    const bool fits = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("_:-", c);
    });
    if (fits && std::count(group.begin(), group.end(), name) == 1) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "a group of fusion has the name \"", name.substr(0, 100),
        "\"; give the last part of a module's name, of [A-Za-z0-9_:-], and only once"));
  }
  return absl::OkStatus();
}

// A full name in pieces: up to the last part of the module, the last part, and the rest. `path` is
// the module's name up to the last part, without the dot.
struct Parts {
  absl::string_view before;
  absl::string_view last;
  absl::string_view after;
  absl::string_view path;
};

Parts Split(const SessionName& name) {
  const absl::string_view module = name.module();
  const std::size_t begin = module.find_last_of("./") + 1;
  const absl::string_view full = name.full();
  const std::size_t module_begin = full.size() - name.session_id().size();
  return {full.substr(0, module_begin + begin), module.substr(begin),
          full.substr(module_begin + module.size()), module.substr(0, begin == 0 ? 0 : begin - 1)};
}

}  // namespace

const std::vector<std::vector<std::string>>& FusedGroups::Known() {
  static const auto& known =
      *new std::vector<std::vector<std::string>>{{"q_proj", "k_proj", "v_proj"},
                                                 {"gate_proj", "up_proj"},
                                                 {"w1", "w3"},
                                                 {"q_a_proj", "kv_a_proj_with_mqa"}};
  return known;
}

absl::StatusOr<FusedGroups> FusedGroups::Make(Mode mode, const std::vector<Group>& declared) {
  if (declared.size() > kMaxGroups) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fusion has ", declared.size(), " groups; at most ", kMaxGroups, " are allowed"));
  }
  FusedGroups fusion;
  if (mode == Mode::kNone) return fusion;
  for (const Group& group : declared) {
    RETURN_IF_ERROR(CheckNames(group.names));
    ASSIGN_OR_RETURN(Glob path, Glob::Make("path_glob", group.path_glob));
    fusion.declared_.push_back({group.names, std::move(path)});
  }
  if (mode == Mode::kDeclared) return fusion;
  ASSIGN_OR_RETURN(const Glob everywhere, Glob::Make("path_glob", ""));
  for (const std::vector<std::string>& names : Known()) {
    fusion.known_.push_back({names, everywhere});
  }
  return fusion;
}

bool FusedGroups::Placed::Has(absl::string_view name) const {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::vector<std::string>> FusedGroups::GroupsOf(const SessionName& session) const {
  std::vector<std::vector<std::string>> groups;
  if (session.base_name() != BaseName::kWeight) return groups;
  const Parts parts = Split(session);
  const auto add = [&](const Placed& group) {
    std::vector<std::string>& members = groups.emplace_back();
    for (const std::string& name : group.names) {
      members.push_back(absl::StrCat(parts.before, name, parts.after));
    }
  };
  std::vector<const Placed*> here;
  for (const Placed& group : declared_) {
    if (group.path.Matches(parts.path)) here.push_back(&group);
  }
  for (const Placed* group : here) {
    if (group->Has(parts.last)) add(*group);
  }
  for (const Placed& group : known_) {
    const bool replaced = std::any_of(here.begin(), here.end(), [&](const Placed* declared) {
      return std::any_of(group.names.begin(), group.names.end(),
                         [&](const std::string& name) { return declared->Has(name); });
    });
    if (!replaced && group.Has(parts.last)) add(group);
  }
  return groups;
}

}  // namespace calipers::server
