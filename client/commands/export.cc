#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output_option.h"
#include "client/commands/qparams_file.h"
#include "client/commands/qparams_options.h"
#include "client/run_file_writer.h"
#include "client/values.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kFooter[] =
    R"(Writes a run into one safetensors file: of each session every record, what it was
created with, and what it answers. Any reader of safetensors opens it; calipers import
puts it into another server, calipers merge joins several. docs/run-file.md has the
format.

Examples:
  calipers export run.safetensors
  calipers export experts.safetensors '*.experts.*' --force
  calipers --run trial-3 export trial-3.safetensors --json

The server goes on meanwhile; each session is written as it is when its turn comes.

With --qparams the file has quantization parameters instead, for one scheme, by the names
that compressed-tensors gives them on a module, such as MODULE.weight_scale:
  calipers export --qparams qparams.safetensors --scheme W4A16
  calipers export --qparams qparams.safetensors '*.mlp.*' --args @args.json)";

// Sessions whose qparams are asked for at once.
constexpr std::size_t kQParamsBatch = 64;

struct ExportOptions {
  Output output;
  std::string glob;
  bool qparams = false;
  QParamsOptions qparams_options;

  // INVALID_ARGUMENT if the flags do not go together.
  absl::Status Check() const;
};

struct Counts {
  std::int64_t sessions = 0;
  // Records, or tensors of qparams.
  std::int64_t written = 0;
};

absl::Status ExportOptions::Check() const {
  const std::size_t specs = qparams_options.schemes.size() + qparams_options.args.size();
  if (qparams && specs > 1) {
    return absl::InvalidArgumentError(
        "--qparams writes what one scheme needs: give one --scheme, or one --args");
  }
  if (!qparams && specs > 0) {
    return absl::InvalidArgumentError("--scheme and --args go with --qparams");
  }
  return output.Check();
}

ElementRange ToRange(const v1::Range& range) {
  return {ToElements(range.min()), ToElements(range.max())};
}

// What the server answers for a session whose values were dropped, if it is for as many
// records as were read.
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
  // Records that came since it was listed may have been the first to say what shape.
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
    RETURN_IF_ERROR(ExportSession(client, session, *writer, bar, counts.written));
    ++counts.sessions;
  }
  RETURN_IF_ERROR(writer->Finish());
  bar.Done(counts.written);
  return counts;
}

// Qparams of these sessions, which the request names.
absl::Status WriteBatch(const Client& client, const v1::BatchGetQParamsRequest& request,
                        const std::vector<std::string>& names, SafetensorsWriter& writer,
                        Counts& counts) {
  ASSIGN_OR_RETURN(const auto results, client.BatchGetQParams(request, names));
  for (const v1::QParamsResult& result : results) {
    if (result.has_status()) return ToStatus(result.status());
    const std::int64_t before = counts.written;
    RETURN_IF_ERROR(WriteQParams(result.qparams(), writer, counts.written));
    counts.sessions += counts.written > before ? 1 : 0;
  }
  return absl::OkStatus();
}

absl::StatusOr<Counts> WriteQParamsFile(const Client& client, const Global& global,
                                        const ExportOptions& options,
                                        const std::vector<v1::Session>& sessions) {
  ASSIGN_OR_RETURN(v1::BatchGetQParamsRequest request, options.qparams_options.ToRequest());
  request.set_parent(global.RunName());
  ASSIGN_OR_RETURN(const auto writer, SafetensorsWriter::Create(options.output.path));
  ProgressBar bar =
      global.Progress(ProgressBar::Unit::kSessionsRead, static_cast<std::int64_t>(sessions.size()));
  Counts counts;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    names.push_back(sessions[i].name());
    if (names.size() < kQParamsBatch && i + 1 < sessions.size()) continue;
    RETURN_IF_ERROR(WriteBatch(client, request, names, *writer, counts));
    names.clear();
    bar.Update(static_cast<std::int64_t>(i + 1));
  }
  // "pt" as in checkpoints that PyTorch writes, which loaders of models ask for.
  RETURN_IF_ERROR(writer->Finish({{"format", "pt"},
                                  {"calipers_run", global.run},
                                  {"calipers_qparams", options.qparams_options.SpecNames()[0]}}));
  bar.Done(static_cast<std::int64_t>(sessions.size()));
  return counts;
}

absl::StatusOr<Counts> ExportRun(const Global& global, const ExportOptions& options) {
  ASSIGN_OR_RETURN(const auto client, global.Connect());
  ASSIGN_OR_RETURN(const auto sessions, client->ListSessions(global.RunName(), options.glob));
  if (sessions.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no session of ", global.RunName(),
                     options.glob.empty() ? " is there" : absl::StrCat(" matches ", options.glob)));
  }
  return options.qparams ? WriteQParamsFile(*client, global, options, sessions)
                         : WriteFile(*client, global, options, sessions);
}

int Export(const Global& global, const ExportOptions& options) {
  if (const absl::Status usage = options.Check(); !usage.ok()) return FailUsage(usage);
  const char* const what = options.qparams ? "tensors" : "records";
  const absl::StatusOr<Counts> counts = ExportRun(global, options);
  if (!counts.ok()) return Fail(counts.status());
  if (global.json) {
    const nlohmann::ordered_json json = {
        {"path", options.output.path}, {"sessions", counts->sessions}, {what, counts->written}};
    std::cout << json.dump() << '\n';
  } else {
    std::cout << options.output.path << ": " << counts->written << ' ' << what << " of "
              << counts->sessions << " sessions\n";
  }
  return kDone;
}

}  // namespace

void AddExport(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* command = app.add_subcommand("export", "Write a run into a safetensors file");
  AddOutputOption(*command, "FILE", options->output);
  command->add_option("GLOB", options->glob,
                      "Modules (with a /: MODULE/BASE_NAME) to export; default all");
  command->add_flag("--qparams", options->qparams,
                    "Write quantization parameters: scales, zero points, global scales");
  options->qparams_options.AddTo(*command);
  command->footer(kFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Export(global, *options); };
  });
}

}  // namespace calipers::client
