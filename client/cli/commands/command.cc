#include "client/cli/commands/command.h"

#include <unistd.h>

#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "client/cli/commands/nearest_name.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

const char* NextStep(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return "start a server with calipers-server, or name another server with --server HOST:PORT";
    case absl::StatusCode::kNotFound:
      return "calipers list shows what there is; --run names another run";
    case absl::StatusCode::kDeadlineExceeded:
      return "--timeout SECONDS allows more time";
    default:
      return nullptr;
  }
}

int StatusOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return kUnreachable;
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDeadlineExceeded:
      return kNoAnswer;
    default:
      return kSomeRefused;
  }
}

}  // namespace

std::string Global::SessionName(absl::string_view session) const {
  return absl::StartsWith(session, "runs/") ? std::string(session)
                                            : absl::StrCat(RunName(), "/sessions/", session);
}

absl::StatusOr<Client*> Global::Connect() const {
  static auto& kept = *new std::vector<std::unique_ptr<Client>>();
  ASSIGN_OR_RETURN(std::unique_ptr<Client> client,
                   Client::Connect(server, {.timeout = absl::Seconds(timeout_seconds)}));
  kept.push_back(std::move(client));
  return kept.back().get();
}

ProgressBar Global::Progress(ProgressBar::Unit unit, std::int64_t total) const {
  return {json ? ProgressBar::Mode::kSilent : ProgressBar::ModeOfStderr(), unit, total};
}

absl::Status ToStatus(const google::rpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.code()), status.message()};
}

int Fail(const absl::Status& status) {
  std::cerr << "calipers: " << absl::StatusCodeToString(status.code()) << ": " << status.message()
            << '\n';
  if (const char* next = NextStep(status.code())) std::cerr << "  next: " << next << '\n';
  return StatusOf(status.code());
}

int FailUsage(const absl::Status& status) {
  std::cerr << "calipers: " << status.message() << "\n  next: --help lists the flags\n";
  return kUsage;
}

int FailUnknownCommand(const CLI::App& app, const std::string& name) {
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  const std::string nearest = NearestName(name, names);
  std::cerr << "calipers: there is no command \"" << name << "\"\n  next: "
            << (nearest.empty() ? "calipers --help lists the commands"
                                : absl::StrCat("did you mean calipers ", nearest, "?"))
            << '\n';
  return kUsage;
}

bool IsGlob(absl::string_view text) {
  return absl::StrContains(text, '*') || absl::StrContains(text, '?');
}

absl::StatusOr<std::vector<std::string>> ResolveSessions(const Client& client, const Global& global,
                                                         const std::vector<std::string>& patterns) {
  std::vector<std::string> names;
  for (const std::string& pattern : patterns.empty() ? std::vector<std::string>{"*"} : patterns) {
    if (!IsGlob(pattern)) {
      names.push_back(global.SessionName(pattern));
      continue;
    }
    ASSIGN_OR_RETURN(const std::vector<v1::Session> found,
                     client.ListSessions(global.RunName(), pattern));
    if (found.empty()) {
      return absl::NotFoundError(
          absl::StrCat("no session of ", global.RunName(), " matches ", pattern));
    }
    for (const v1::Session& session : found) names.push_back(session.name());
  }
  return names;
}

std::string SessionId(absl::string_view full_name) {
  constexpr absl::string_view kSessions = "/sessions/";
  const std::size_t at = full_name.find(kSessions);
  return std::string(at == absl::string_view::npos ? full_name
                                                   : full_name.substr(at + kSessions.size()));
}

bool Confirmed(bool yes, const std::string& question) {
  if (yes) return true;
  if (isatty(STDIN_FILENO) != 1) {
    std::cerr << "calipers: " << question << " Nothing was done: give --yes to confirm.\n";
    return false;
  }
  std::cerr << question << " [y/N] ";
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace calipers::client
