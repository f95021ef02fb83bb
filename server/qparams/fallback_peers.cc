#include "server/qparams/fallback_peers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace calipers::server {
namespace {

constexpr std::size_t kMaxPeersBehind = 16;

// A name without the part in which its peers differ: the text before and after it.
struct Gap {
  std::string before;
  std::string after;
};

// The gap behind the first part of the module name that equals `part`; nullopt if no part does.
std::optional<Gap> FindGap(const SessionName& session, absl::string_view part) {
  const absl::string_view name = session.full();
  const std::size_t begin_of_module = name.size() - session.session_id().size();
  const std::size_t end_of_module = begin_of_module + session.module().size();
  for (const absl::string_view begin : {"/", "."}) {
    const std::string wanted = absl::StrCat(begin, part, ".");
    // Search from the slash before the module on, because the run may have parts of the same name.
    const std::size_t at = name.substr(0, end_of_module).find(wanted, begin_of_module - 1);
    if (at == absl::string_view::npos) continue;
    const std::size_t gap = at + wanted.size();
    const std::size_t end = std::min(name.find('.', gap), end_of_module);
    return Gap{std::string(name.substr(0, gap)), std::string(name.substr(end))};
  }
  return std::nullopt;
}

bool Fits(const Gap& gap, absl::string_view name) {
  return absl::ConsumePrefix(&name, gap.before) && absl::ConsumeSuffix(&name, gap.after) &&
         !name.empty() && !absl::StrContains(name, '.');
}

}  // namespace

absl::StatusOr<FallbackPeers> FallbackPeers::Make(std::vector<std::string> behind) {
  if (behind.size() > kMaxPeersBehind) {
    return absl::InvalidArgumentError(absl::StrCat(
        "peers_behind has ", behind.size(), " names; at most ", kMaxPeersBehind, " are allowed"));
  }
  for (const std::string& name : behind) {
    if (!name.empty() && name.find_first_of("./") == std::string::npos) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("peers_behind has the name \"", name.substr(0, 100),
                     "\"; give one part of a module's name, without dots and slashes"));
  }
  return FallbackPeers(std::move(behind));
}

std::vector<std::shared_ptr<Session>> FallbackPeers::Of(const SessionTable& sessions,
                                                        const SessionName& session) const {
  std::vector<std::shared_ptr<Session>> peers;
  for (const std::string& part : behind_) {
    const std::optional<Gap> gap = FindGap(session, part);
    if (!gap) continue;
    // Other sessions may have names with this beginning, too.
    std::string after = gap->before;
    const auto all = NameFilter::Make(session.run(), "");
    do {
      SessionTable::Page page = sessions.List(*all, after, /*limit=*/1000);
      for (std::shared_ptr<Session>& peer : page.sessions) {
        const std::string& name = peer->name().full();
        if (!absl::StartsWith(name, gap->before)) return peers;
        if (name != session.full() && Fits(*gap, name)) peers.push_back(std::move(peer));
      }
      after = std::move(page.next_after);
    } while (!after.empty());
    return peers;
  }
  return peers;
}

}  // namespace calipers::server
