#include "server/qparams/fused_groups.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxGroups = 64;
constexpr std::size_t kMaxNames = 16;

absl::Status CheckGroup(const FusedGroups::Group& group) {
  if (group.size() < 2 || group.size() > kMaxNames) {
    return absl::InvalidArgumentError(absl::StrCat("a group of fusion has ", group.size(),
                                                   " names; 2 to ", kMaxNames, " are allowed"));
  }
  for (const std::string& name : group) {
    const bool fits = !name.empty() && name.find_first_of("./") == std::string::npos;
    if (fits && std::count(group.begin(), group.end(), name) == 1) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "a group of fusion has the name \"", name.substr(0, 100),
        "\"; give the last part of a module's name, without dots and slashes, and only once"));
  }
  return absl::OkStatus();
}

// A full name in three pieces: up to the last part of the module, the last part, and the rest.
struct Parts {
  absl::string_view before;
  absl::string_view last;
  absl::string_view after;
};

Parts Split(absl::string_view full_name) {
  const std::size_t slash = full_name.rfind('/');
  const absl::string_view module = full_name.substr(0, slash);
  const std::size_t begin = module.find_last_of("./") + 1;
  return {module.substr(0, begin), module.substr(begin), full_name.substr(slash)};
}

}  // namespace

const std::vector<FusedGroups::Group>& FusedGroups::Known() {
  static const auto& known = *new std::vector<Group>{{"q_proj", "k_proj", "v_proj"},
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
    RETURN_IF_ERROR(CheckGroup(group));
    for (const std::string& name : group) {
      if (!fusion.group_of_.contains(name)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("fusion has the name \"", name, "\" in two groups"));
    }
    fusion.Add(group);
  }
  if (mode == Mode::kDeclared) return fusion;
  for (const Group& group : Known()) {
    const bool free = std::none_of(group.begin(), group.end(), [&](const std::string& name) {
      return fusion.group_of_.contains(name);
    });
    if (free) fusion.Add(group);
  }
  return fusion;
}

void FusedGroups::Add(const Group& group) {
  for (const std::string& name : group) group_of_.emplace(name, groups_.size());
  groups_.push_back(group);
}

std::vector<std::string> FusedGroups::GroupOf(const SessionName& session) const {
  std::vector<std::string> names;
  if (session.base_name() != BaseName::kWeight) return names;
  const Parts parts = Split(session.full());
  const auto group = group_of_.find(parts.last);
  if (group == group_of_.end()) return names;
  for (const std::string& name : groups_[group->second]) {
    names.push_back(absl::StrCat(parts.before, name, parts.after));
  }
  return names;
}

}  // namespace calipers::server
