#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/export_qparams.h"
#include "client/cli/commands/output_option.h"
#include "client/cli/commands/qparams_options.h"
#include "client/formats/number_format.h"
#include "client/formats/run_file_writer.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kExportFooter[] =
    R"(Writes a run into one safetensors file: the spec, every record and the answer of each
session. Any safetensors reader opens the file. calipers import sends it to another
server, calipers merge joins several files. docs/run-file.md describes the format.

Examples:
  calipers export run.safetensors
  calipers export experts.safetensors '*.experts.*' --force
  calipers --run trial-3 export trial-3.safetensors --json

The server keeps serving. A session is written in its state at the time when it is read.

With --qparams the file holds quantization parameters for one scheme instead. They have
the names of compressed-tensors, such as MODULE.weight_scale:
  calipers export --qparams qparams.safetensors --scheme W4A16
  calipers export --qparams qparams.safetensors '*.mlp.*' --args @args.json
  calipers export --qparams moe.safetensors --scheme NVFP4 --peers-behind experts
Such a file is written only if every session has an answer. If an expert has no data, use
the range of its peers (--peers-behind), or exclude the expert with GLOB.)";

struct ExportOptions {
  Output output;
  std::string glob;
  bool qparams = false;
  QParamsOptions qparams_options;

  // INVALID_ARGUMENT if the flags cannot be combined.
  absl::Status Check() const;
};

struct Counts {
  std::int64_t sessions = 0;
  std::int64_t records = 0;
};

absl::Status ExportOptions::Check() const {
  const std::size_t specs = qparams_options.schemes.size() + qparams_options.args.size();
  if (qparams && specs > 1) {
    return absl::InvalidArgumentError(
        "--qparams writes the qparams of one scheme: give one --scheme or one --args");
  }
  if (!qparams && specs > 0) {
    return absl::InvalidArgumentError("--scheme and --args need --qparams");
  }
  return output.Check();
}

ElementRange ToRange(const v1::Range& range) {
  return {ToElements(range.min()), ToElements(range.max())};
}

// The server's answer for a session whose values were dropped. nullopt if there is no answer,
// or if the answer is not for exactly `count` records.
std::optional<FoldedRange> AnswerFor(const Client& client, const v1::Session& session,
                                     std::int64_t count) {
  const auto answer = client.GetMinMax(session.name());
  if (!answer.ok() || answer->progress().count() != count) return std::nullopt;
  return FoldedRange{ToRange(answer->range()), ToRange(answer->global()),
                     ToRange(answer->global_of_range())};
}

absl::Status ExportSession(const Client& client, const v1::Session& session, RunFileWriter& writer,
                           ProgressBar& bar, std::int64_t& done) {
  RETURN_IF_ERROR(writer.BeginSession(SessionId(session.name()), session));
  RETURN_IF_ERROR(client.ReadSeries(session.name(), [&](const v1::SeriesRecord& record) {
    bar.Update(++done);
    return writer.Add(record);
  }));
  // The first record, which fixes the qparam shape, may have arrived after the listing.
  ASSIGN_OR_RETURN(const v1::Session after, client.GetSession(session.name()));
  std::optional<FoldedRange> answer;
  if (session.retention() == v1::RETENTION_FOLDED) {
    answer = AnswerFor(client, session, writer.size());
  }
  return writer.EndSession({after.qparam_shape().begin(), after.qparam_shape().end()},
                           std::move(answer));
}

absl::StatusOr<Counts> WriteFile(const Client& client, const Global& global,
                                 const ExportOptions& options,
                                 const std::vector<v1::Session>& sessions) {
  std::int64_t total = 0;
  for (const v1::Session& session : sessions) total += session.progress().count();
  ASSIGN_OR_RETURN(const auto writer, RunFileWriter::Create(options.output.path, global.run));
  ProgressBar bar = global.Progress(ProgressBar::Unit::kRecordsRead, total);
  Counts counts;
  for (const v1::Session& session : sessions) {
    RETURN_IF_ERROR(ExportSession(client, session, *writer, bar, counts.records));
    ++counts.sessions;
  }
  RETURN_IF_ERROR(writer->Finish());
  bar.Done(counts.records);
  return counts;
}

absl::Status ExportRun(const Client& client, const Global& global, const ExportOptions& options,
                       const std::vector<v1::Session>& sessions) {
  ASSIGN_OR_RETURN(const Counts counts, WriteFile(client, global, options, sessions));
  if (global.json) {
    const nlohmann::ordered_json json = {
        {"path", options.output.path}, {"sessions", counts.sessions}, {"records", counts.records}};
    std::cout << json.dump() << '\n';
  } else {
    std::cout << options.output.path << ": " << counts.records << " records of " << counts.sessions
              << " sessions\n";
  }
  return absl::OkStatus();
}

absl::Status ExportSelected(const Global& global, const ExportOptions& options) {
  ASSIGN_OR_RETURN(const auto client, global.Connect());
  ASSIGN_OR_RETURN(const auto sessions, client->ListSessions(global.RunName(), options.glob));
  if (sessions.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no session of ", global.RunName(),
                     options.glob.empty() ? " is there" : absl::StrCat(" matches ", options.glob)));
  }
  return options.qparams ? ExportQParams(*client, global, options.qparams_options,
                                         options.output.path, sessions)
                         : ExportRun(*client, global, options, sessions);
}

int Export(const Global& global, const ExportOptions& options) {
  if (const absl::Status usage = options.Check(); !usage.ok()) return FailUsage(usage);
  const absl::Status status = ExportSelected(global, options);
  return status.ok() ? kDone : Fail(status);
}

}  // namespace

void AddExport(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write a run into a safetensors file");
  AddOutputOption(*command, "FILE", options->output);
  command->add_option("GLOB", options->glob,
                      "Modules (with a /: MODULE/BASE_NAME) to export; default: all");
  command->add_flag("--qparams", options->qparams,
                    "Write quantization parameters: scales, zero points, global scales");
  options->qparams_options.AddTo(*command);
  command->footer(kExportFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Export(global, *options); };
  });
}

}  // namespace calipers::client
