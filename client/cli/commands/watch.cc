#include <iostream>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/whole_number.h"

namespace calipers::client {
namespace {

constexpr char kWatchFooter[] = R"(Examples:
  calipers watch
  calipers watch '*.up_proj' --until 512
  calipers watch --json

Prints a line for each existing session and for each change. Ends with Ctrl-C, or with
--until when every printed session holds that many records.)";

struct WatchOptions {
  std::string glob;
  std::int64_t until = 0;
};

// Tells when every session that was printed holds `until` records.
class Goal {
 public:
  explicit Goal(std::int64_t until) : until_(until) {}

  // True if the listing is complete and every session holds enough records.
  bool ReachedAfter(const v1::SessionEvent& event) {
    switch (event.kind()) {
      case v1::SessionEvent::KIND_SYNCED:
        synced_ = true;
        break;
      case v1::SessionEvent::KIND_DELETED:
        counts_.erase(event.session().name());
        break;
      default:
        counts_[event.session().name()] = event.session().progress().count();
    }
    if (until_ == 0 || !synced_ || counts_.empty()) return false;
    for (const auto& [name, count] : counts_) {
      if (count < until_) return false;
    }
    return true;
  }

 private:
  const std::int64_t until_;
  bool synced_ = false;
  std::map<std::string, std::int64_t> counts_;
};

void Print(const Global& global, const v1::SessionEvent& event) {
  if (event.kind() == v1::SessionEvent::KIND_SYNCED) return;
  const bool deleted = event.kind() == v1::SessionEvent::KIND_DELETED;
  if (global.json) {
    nlohmann::ordered_json json = {{"kind", deleted ? "deleted" : "current"}};
    json["session"] = deleted ? nlohmann::ordered_json{{"name", event.session().name()}}
                              : ToJson(event.session());
    std::cout << json.dump() << std::endl;
  } else if (deleted) {
    std::cout << SessionId(event.session().name()) << "  deleted" << std::endl;
  } else {
    const v1::Progress& progress = event.session().progress();
    std::cout << SessionId(event.session().name()) << "  " << progress.count() << " records, "
              << MissingText(progress) << " missing, " << progress.num_observations()
              << " observations" << std::endl;
  }
}

int Watch(const Global& global, const WatchOptions& options) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  Goal goal(options.until);
  const absl::Status ended =
      (*client)->WatchSessions(global.RunName(), options.glob, [&](const v1::SessionEvent& event) {
        Print(global, event);
        return !goal.ReachedAfter(event);
      });
  return ended.ok() ? kDone : Fail(ended);
}

}  // namespace

void AddWatch(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<WatchOptions>();
  CLI::App* command = app.add_subcommand("watch", "Print each change of a run");
  command->add_option("GLOB", options->glob, "Modules to watch; default: all");
  command->add_option("--until", options->until, "End when each session holds this many records")
      ->check(WholeNumberFrom(1));
  command->footer(kWatchFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Watch(global, *options); };
  });
}

}  // namespace calipers::client
