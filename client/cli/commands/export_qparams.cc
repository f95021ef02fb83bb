#include "client/cli/commands/export_qparams.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands/qparams_file.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

// Sessions in one request.
constexpr std::size_t kQuestionsInBatch = 64;
// Names that one sentence lists.
constexpr std::size_t kNamesShown = 5;

constexpr char kPeersHint[] =
    "; for experts that saw no tokens, --peers-behind experts takes the range of the others";

std::string SomeOf(const std::vector<std::string>& names) {
  const auto shown = static_cast<std::ptrdiff_t>(std::min(names.size(), kNamesShown));
  std::string text = absl::StrJoin(names.begin(), names.begin() + shown, ", ");
  if (names.size() > kNamesShown)
    absl::StrAppend(&text, " and ", names.size() - kNamesShown, " more");
  return text;
}

// The sessions without an answer.
class Unanswered {
 public:
  void Add(const std::string& session, const google::rpc::Status& status) {
    if (!first_.ok()) others_.push_back(SessionId(session));
    first_.Update(ToStatus(status));
  }
  absl::Status ToStatusOfAll(absl::string_view hint) const {
    if (first_.ok()) return first_;
    std::string message(first_.message());
    if (!others_.empty()) {
      absl::StrAppend(&message, "; also without an answer: ", SomeOf(others_));
    }
    if (absl::IsFailedPrecondition(first_)) absl::StrAppend(&message, hint);
    return {first_.code(), message};
  }

 private:
  absl::Status first_;
  std::vector<std::string> others_;
};

absl::Status AddBatch(const Client& client, const v1::BatchGetQParamsRequest& request,
                      const std::vector<std::string>& names, QParamsFile& file,
                      Unanswered& unanswered) {
  ASSIGN_OR_RETURN(const auto results, client.BatchGetQParams(request, names));
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].has_status()) {
      unanswered.Add(names[i], results[i].status());
    } else {
      RETURN_IF_ERROR(file.Add(results[i].qparams()));
    }
  }
  return absl::OkStatus();
}

absl::Status AddAll(const Client& client, const Global& global, const QParamsOptions& options,
                    const std::vector<v1::Session>& sessions, QParamsFile& file) {
  ASSIGN_OR_RETURN(v1::BatchGetQParamsRequest request, options.ToRequest());
  request.set_parent(global.RunName());
  ProgressBar bar =
      global.Progress(ProgressBar::Unit::kSessionsRead, static_cast<std::int64_t>(sessions.size()));
  Unanswered unanswered;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    names.push_back(sessions[i].name());
    if (names.size() < kQuestionsInBatch && i + 1 < sessions.size()) continue;
    RETURN_IF_ERROR(AddBatch(client, request, names, file, unanswered));
    names.clear();
    bar.Update(static_cast<std::int64_t>(i + 1));
  }
  bar.Done(static_cast<std::int64_t>(sessions.size()));
  const bool has_peers = !options.peers_behind.empty();
  return unanswered.ToStatusOfAll(has_peers ? "" : kPeersHint);
}

// Prints the sessions whose qparams use a fallback range, lack a member of their group or met a
// trap.
void PrintRemarks(const QParamsFile& file) {
  std::vector<std::string> sessions;
  for (const auto& [session, peers] : file.fallback().items()) sessions.push_back(session);
  if (!sessions.empty()) {
    std::cout << "  no data, range of the peers used: " << SomeOf(sessions) << '\n';
  }
  std::set<std::string> absent;
  for (const auto& [session, members] : file.absent().items()) {
    absent.insert(members.begin(), members.end());
  }
  if (!absent.empty()) {
    std::cout << "  no session, left out of its group: " << SomeOf({absent.begin(), absent.end()})
              << '\n';
  }
  std::map<std::string, std::vector<std::string>> by_trap;
  for (const auto& [session, notes] : file.notes().items()) {
    for (const auto& note : notes) {
      const bool repaired = note["repaired"].get<bool>();
      by_trap[absl::StrCat(note["trap"].get<std::string>(),
                           repaired ? ", corrected" : ", same as the reference")]
          .push_back(session);
    }
  }
  for (const auto& [trap, met_by] : by_trap) {
    std::cout << "  " << trap << ": " << SomeOf(met_by) << '\n';
  }
}

void Print(const Global& global, const std::string& path, const QParamsFile& file) {
  if (global.json) {
    const nlohmann::ordered_json json = {{"path", path},
                                         {"sessions", file.sessions()},
                                         {"tensors", file.tensors()},
                                         {"fallback", file.fallback()},
                                         {"absent", file.absent()},
                                         {"notes", file.notes()}};
    std::cout << json.dump() << '\n';
    return;
  }
  std::cout << path << ": " << file.tensors() << " tensors of " << file.sessions() << " sessions\n";
  PrintRemarks(file);
}

}  // namespace

absl::Status ExportQParams(const Client& client, const Global& global,
                           const QParamsOptions& options, const std::string& path,
                           const std::vector<v1::Session>& sessions) {
  ASSIGN_OR_RETURN(const auto file, QParamsFile::Create(path));
  RETURN_IF_ERROR(AddAll(client, global, options, sessions, *file));
  // Model loaders expect the format "pt", as in checkpoints that PyTorch writes.
  RETURN_IF_ERROR(file->Finish({{"format", "pt"},
                                {"calipers_run", global.run},
                                {"calipers_qparams", options.SpecNames()[0]}}));
  Print(global, path, *file);
  return absl::OkStatus();
}

}  // namespace calipers::client
