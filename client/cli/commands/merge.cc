#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/output_option.h"
#include "client/cli/commands/refusals.h"
#include "client/cli/terminal/table.h"
#include "client/formats/merge_runs.h"
#include "client/formats/run_file.h"
#include "client/formats/run_file_writer.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kMergeFooter[] =
    R"(Joins files written by calipers export into one file, without a server. Each session
gets the records of all files, each batch once, and the answer for these records. If two
files differ in a record, the conflict is reported and the first file's record is kept.

Examples:
  calipers merge host-a.safetensors host-b.safetensors --output run.safetensors
  calipers merge part-*.safetensors -o run.safetensors --force --json

Exit status 1 if a record was in conflict or left out.)";

struct MergeOptions {
  std::vector<std::string> paths;
  Output output;
};

struct Merged {
  MergeCounts counts;
  std::unique_ptr<Refusals> refusals = std::make_unique<Refusals>();
};

absl::StatusOr<Merged> MergeFiles(const Global& global, const MergeOptions& options) {
  std::vector<RunFile> files;
  std::int64_t total = 0;
  for (const std::string& path : options.paths) {
    ASSIGN_OR_RETURN(RunFile file, RunFile::Open(path));
    for (const RunFileSession& session : file.sessions()) total += session.size();
    files.push_back(std::move(file));
  }
  ASSIGN_OR_RETURN(const auto writer,
                   RunFileWriter::Create(options.output.path, files.front().run()));
  ProgressBar bar = global.Progress(ProgressBar::Unit::kRecordsRead, total);
  Merged merged;
  const MergeEvents events = {
      .refused = [&](std::string text) { merged.refusals->Add(std::move(text)); },
      .progress = [&](std::int64_t records) { bar.Update(records); }};
  ASSIGN_OR_RETURN(merged.counts, MergeRuns(files, events, *writer));
  for (const RunFile& file : files) RETURN_IF_ERROR(file.CheckUnchanged());
  RETURN_IF_ERROR(writer->Finish());
  bar.Done(total);
  return merged;
}

void Print(const Global& global, const std::string& path, const Merged& merged) {
  const MergeCounts& counts = merged.counts;
  if (global.json) {
    const nlohmann::ordered_json json = {{"path", path},
                                         {"sessions", counts.sessions},
                                         {"records", counts.records},
                                         {"duplicates", counts.duplicates},
                                         {"conflicts", counts.conflicts},
                                         {"rejected", counts.rejected},
                                         {"first_refused", merged.refusals->first()}};
    std::cout << json.dump() << '\n';
    return;
  }
  using Align = Table::Align;
  Table table({{"into"},
               {"sessions", Align::kRight},
               {"records", Align::kRight},
               {"duplicate", Align::kRight},
               {"conflict", Align::kRight},
               {"rejected", Align::kRight}});
  table.AddRow({path, absl::StrCat(counts.sessions), absl::StrCat(counts.records),
                absl::StrCat(counts.duplicates), absl::StrCat(counts.conflicts),
                absl::StrCat(counts.rejected)});
  std::cout << table.ToString();
  merged.refusals->Print(std::cerr);
}

int Merge(const Global& global, const MergeOptions& options) {
  if (const absl::Status output = options.output.Check(); !output.ok()) return FailUsage(output);
  const absl::StatusOr<Merged> merged = MergeFiles(global, options);
  if (!merged.ok()) return Fail(merged.status());
  Print(global, options.output.path, *merged);
  return merged->refusals->count() > 0 ? kSomeRefused : kDone;
}

}  // namespace

void AddMerge(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<MergeOptions>();
  CLI::App* command = app.add_subcommand("merge", "Join exported runs into one file");
  command->add_option("FILE", options->paths, "Files written by calipers export or merge")
      ->required()
      ->check(CLI::ExistingFile);
  AddOutputOption(*command, "-o,--output", options->output);
  command->footer(kMergeFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Merge(global, *options); };
  });
}

}  // namespace calipers::client
