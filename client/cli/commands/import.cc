#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/refusals.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/terminal/table.h"
#include "client/formats/run_file.h"
#include "client/library/observation_stream.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kImportFooter[] =
    R"(Sends files written by calipers export to a server, into --run. If the run already
exists, the records are merged: new records are added, equal records are duplicates, and
a record that differs is a conflict, which is reported and changes nothing. Importing a
file twice is safe. Sessions that are sealed in the file are sealed on the server.

Examples:
  calipers import run.safetensors
  calipers --server new:50051 --run trial-3 import trial-3.safetensors
  calipers import host-a.safetensors host-b.safetensors --json

Exit status 1 if a record was in conflict or refused.)";

// Maximum number of records that are sent and not yet acknowledged.
constexpr std::size_t kWindow = 10'000;
// Records that are given to the stream in one call.
constexpr std::size_t kRecordsInBatch = 1000;

class Import {
 public:
  Import(const Global& global, const Client& client, ProgressBar* bar)
      : global_(global),
        client_(client),
        bar_(bar),
        stream_(client.NewChannel(), Options(),
                [this](const auto& header, const auto& ack) { refusals_.Add(header, ack); }) {}

  absl::Status Send(const RunFile& file) {
    for (const RunFileSession& session : file.sessions()) {
      if (!Create(session)) continue;
      RETURN_IF_ERROR(SendSeries(session));
      if (session.session().has_sealed_count()) to_be_sealed_.push_back(&session);
    }
    return absl::OkStatus();
  }

  // To be called after every file was sent. Seals the sessions that are sealed in the files.
  absl::Status Finish() {
    RETURN_IF_ERROR(stream_.Finish());
    for (const RunFileSession* session : to_be_sealed_) {
      const absl::Status sealed =
          client_.SealSession(NameOf(*session), session->session().sealed_count());
      if (!sealed.ok()) {
        refusals_.Add(absl::StrCat(session->id(), " was not sealed: ", sealed.message()));
      }
    }
    return absl::OkStatus();
  }

  StreamTotals totals() const { return stream_.totals(); }
  const Refusals& refusals() const { return refusals_; }
  std::int64_t sessions() const { return sessions_; }
  std::int64_t sent() const { return sent_; }

 private:
  static StreamOptions Options() {
    StreamOptions options;
    options.worker = "calipers import";
    options.window = kWindow;
    return options;
  }

  std::string NameOf(const RunFileSession& session) const {
    return global_.SessionName(session.id());
  }

  // If the session cannot be imported, adds the reason to the refusals and returns false.
  bool Create(const RunFileSession& session) {
    if (session.HasDropped()) {
      refusals_.Add(absl::StrCat(session.id(),
                                 ": cannot be imported, because the values of its records were "
                                 "dropped (retention FOLDED); its answer is in the file"));
      return false;
    }
    v1::CreateSessionRequest request;
    request.set_parent(global_.RunName());
    request.set_session_id(session.id());
    *request.mutable_session() = session.session();
    const auto created = client_.CreateSession(request);
    if (!created.ok()) refusals_.Add(absl::StrCat(session.id(), ": ", created.status().message()));
    sessions_ += created.ok() ? 1 : 0;
    return created.ok();
  }

  absl::Status SendSeries(const RunFileSession& session) {
    const std::string name = NameOf(session);
    std::vector<v1::ReducedObservation> batch;
    std::string worker;
    const auto flush = [&] {
      sent_ += static_cast<std::int64_t>(batch.size());
      bar_->Update(sent_);
      return stream_.ObserveReduced(std::exchange(batch, {}), worker);
    };
    for (RunFileCursor cursor(&session); !cursor.done();) {
      v1::SeriesRecord record = cursor.Next();
      if (batch.size() == kRecordsInBatch || (!batch.empty() && record.worker() != worker)) {
        RETURN_IF_ERROR(flush());
      }
      worker = record.worker();
      record.mutable_observation()->mutable_header()->set_session(name);
      batch.push_back(std::move(*record.mutable_observation()));
    }
    return batch.empty() ? absl::OkStatus() : flush();
  }

  const Global& global_;
  const Client& client_;
  ProgressBar* const bar_;
  Refusals refusals_;
  ObservationStream stream_;
  std::vector<const RunFileSession*> to_be_sealed_;
  std::int64_t sessions_ = 0;
  std::int64_t sent_ = 0;
};

absl::StatusOr<std::vector<RunFile>> OpenRunFiles(const std::vector<std::string>& paths) {
  std::vector<RunFile> files;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(RunFile file, RunFile::Open(path));
    files.push_back(std::move(file));
  }
  return files;
}

void Print(const Global& global, const Import& import) {
  const StreamTotals totals = import.totals();
  const Refusals& refusals = import.refusals();
  if (global.json) {
    nlohmann::ordered_json json = {{"run", global.RunName()}, {"sessions", import.sessions()}};
    json.update(ToJson(totals));
    json["refused"] = refusals.count();
    json["first_refused"] = refusals.first();
    std::cout << json.dump() << '\n';
    return;
  }
  using Align = Table::Align;
  Table table({{"into"},
               {"sessions", Align::kRight},
               {"stored", Align::kRight},
               {"duplicate", Align::kRight},
               {"conflict", Align::kRight},
               {"rejected", Align::kRight},
               {"reconnects", Align::kRight}});
  table.AddRow({global.RunName(), absl::StrCat(import.sessions()), absl::StrCat(totals.stored),
                absl::StrCat(totals.duplicates), absl::StrCat(totals.conflicts),
                absl::StrCat(totals.rejected), absl::StrCat(totals.reconnects)});
  std::cout << table.ToString();
  refusals.Print(std::cerr);
}

int ImportFiles(const Global& global, const std::vector<std::string>& paths) {
  const absl::StatusOr<std::vector<RunFile>> files = OpenRunFiles(paths);
  if (!files.ok()) return Fail(files.status());
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  std::int64_t total = 0;
  for (const RunFile& file : *files) {
    for (const RunFileSession& session : file.sessions()) total += session.size();
  }
  ProgressBar bar = global.Progress(ProgressBar::Unit::kRecordsSent, total);
  Import import(global, **client, &bar);
  absl::Status status;
  for (const RunFile& file : *files) {
    if (status.ok()) status = import.Send(file);
  }
  if (status.ok()) status = import.Finish();
  for (const RunFile& file : *files) {
    if (status.ok()) status = file.CheckUnchanged();
  }
  bar.Done(import.sent());
  Print(global, import);
  if (!status.ok()) return Fail(status);
  return import.refusals().count() > 0 ? kSomeRefused : kDone;
}

}  // namespace

void AddImport(CLI::App& app, Action& selected) {
  const auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* command = app.add_subcommand("import", "Send exported runs to a server");
  command->add_option("FILE", *paths, "Files written by calipers export or merge")
      ->required()
      ->check(CLI::ExistingFile);
  command->footer(kImportFooter);
  command->callback([paths, &selected] {
    selected = [paths](const Global& global) { return ImportFiles(global, *paths); };
  });
}

}  // namespace calipers::client
