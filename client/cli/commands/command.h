#ifndef CALIPERS_CLIENT_CLI_COMMANDS_COMMAND_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_COMMAND_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cli/terminal/progress_bar.h"
#include "client/library/client.h"

namespace calipers::client {

/// Exit statuses; `calipers --help` lists them.
enum ExitStatus : int {
  kDone = 0,
  kSomeRefused = 1,  // or the output could not be written
  kUsage = 2,
  kUnreachable = 3,
  kNoAnswer = 4,
};

/// The flags that every command has.
struct Global {
  std::string server = "127.0.0.1:50051";
  std::string run = "default";
  bool json = false;
  double timeout_seconds = 60;

  /// runs/{run}
  std::string RunName() const { return "runs/" + run; }
  /// The full name of `session`, which is {module}/{base_name} or already a full name.
  std::string SessionName(absl::string_view session) const;
  /// The client exists until the program ends. If gRPC's last channel were destroyed before, gRPC
  /// would end its poller in the background, which can abort the program (Bad file descriptor).
  absl::StatusOr<Client*> Connect() const;
  /// A progress bar on stderr; silent with --json.
  ProgressBar Progress(ProgressBar::Unit unit, std::int64_t total) const;
};

/// The body of a command, called after its options are parsed. Returns the exit status.
using Action = std::function<int(const Global&)>;

/// Adds a command to the application. `selected` is set if the user chose this command.
using AddCommand = void (*)(CLI::App& app, Action& selected);

void AddObserve(CLI::App& app, Action& selected);
void AddCreate(CLI::App& app, Action& selected);
void AddMinMax(CLI::App& app, Action& selected);
void AddList(CLI::App& app, Action& selected);
void AddWatch(CLI::App& app, Action& selected);
void AddCoverage(CLI::App& app, Action& selected);
void AddInspect(CLI::App& app, Action& selected);
void AddSeal(CLI::App& app, Action& selected);
void AddSweep(CLI::App& app, Action& selected);
void AddQParams(CLI::App& app, Action& selected);
void AddExport(CLI::App& app, Action& selected);
void AddImport(CLI::App& app, Action& selected);
void AddMerge(CLI::App& app, Action& selected);
void AddBackup(CLI::App& app, Action& selected);
void AddReset(CLI::App& app, Action& selected);
void AddDelete(CLI::App& app, Action& selected);
void AddPing(CLI::App& app, Action& selected);
void AddPlot(CLI::App& app, Action& selected);
void AddHelp(CLI::App& app, Action& selected);
void AddVersion(CLI::App& app, Action& selected);

/// Converts a protobuf status.
absl::Status ToStatus(const google::rpc::Status& status);

/// Prints "calipers: CODE: message" and the next step, and returns the exit
/// status that goes with the code.
int Fail(const absl::Status& status);

/// Reports flags that cannot be combined: prints the message and returns kUsage.
int FailUsage(const absl::Status& status);

/// Reports that no command has this name, with the name that was probably meant; returns kUsage.
int FailUnknownCommand(const CLI::App& app, const std::string& name);

/// True if `text` is a pattern (has * or ?) rather than a name.
bool IsGlob(absl::string_view text);

/// The full names of the sessions that `patterns` select, in the order of the patterns. A
/// pattern is a session or a glob. Without patterns: every session of the run. NOT_FOUND if
/// a glob matches no session.
absl::StatusOr<std::vector<std::string>> ResolveSessions(const Client& client, const Global& global,
                                                         const std::vector<std::string>& patterns);

/// {module}/{base_name} of a full session name.
std::string SessionId(absl::string_view full_name);

/// Asks `question` on the terminal and returns the answer. If `yes` is true, returns true
/// without asking. Without a terminal, prints a hint about --yes and returns false.
bool Confirmed(bool yes, const std::string& question);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_COMMAND_H_
