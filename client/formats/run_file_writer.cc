#include "client/formats/run_file_writer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/formats/checksum.h"
#include "client/formats/number_format.h"
#include "client/formats/run_file_format.h"
#include "core/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace calipers::client {
namespace {

using nlohmann::ordered_json;
namespace names = run_file;

// The members of a session that a file keeps. Progress is left out, because the series shows it.
absl::StatusOr<ordered_json> SessionJson(v1::Session session, const std::string& dtype,
                                         const std::vector<std::int64_t>& qparam_shape) {
  session.clear_name();
  session.clear_progress();
  session.clear_problem();
  session.set_observed_dtype(dtype);
  session.mutable_qparam_shape()->Assign(qparam_shape.begin(), qparam_shape.end());
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status = google::protobuf::util::MessageToJsonString(session, &text, options);
  if (!status.ok()) return absl::InvalidArgumentError(status.ToString());
  return ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
}

ordered_json RangeJson(const ElementRange& range) {
  return {{"min", NumberJson(range.min, 0)}, {"max", NumberJson(range.max, 0)}};
}

// Bytes that are not UTF-8 are replaced. Texts from a server are always UTF-8.
std::string Text(const ordered_json& object) {
  return object.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

nlohmann::json AsReadBack(const ordered_json& object) {
  return nlohmann::json::parse(Text(object));
}

}  // namespace

RunFileWriter::RunFileWriter(std::unique_ptr<SafetensorsWriter> file, const std::string& run)
    : file_(std::move(file)),
      metadata_{{names::kFormat, names::kFormatName},
                {names::kVersion, names::kVersionNumber},
                {names::kChecksum, names::kChecksumKind},
                {names::kRun, run}} {}

absl::StatusOr<std::unique_ptr<RunFileWriter>> RunFileWriter::Create(const std::string& path,
                                                                     const std::string& run) {
  ASSIGN_OR_RETURN(auto file, SafetensorsWriter::Create(path));
  return std::unique_ptr<RunFileWriter>(new RunFileWriter(std::move(file), run));
}

absl::Status RunFileWriter::BeginSession(const std::string& session_id,
                                         const v1::Session& session) {
  ASSIGN_OR_RETURN(OfflineFold answer, OfflineFold::Make(session));
  ASSIGN_OR_RETURN(SeriesColumns columns, SeriesColumns::Make(file_.get(), session_id));
  open_.emplace(Open{session_id, session, std::move(columns), std::move(answer)});
  return absl::OkStatus();
}

absl::Status RunFileWriter::Add(const v1::SeriesRecord& record) {
  RETURN_IF_ERROR(open_->columns.Add(record));
  absl::Status folded = open_->answer.Add(record);
  if (folded.ok()) return folded;
  return absl::Status(folded.code(), absl::StrCat(open_->id, ", ", folded.message()));
}

absl::Status RunFileWriter::WriteWhole(const char* name, const Elements& elements,
                                       const std::vector<std::int64_t>& shape) {
  ASSIGN_OR_RETURN(SafetensorsWriter::Tensor* const tensor, file_->Begin(elements.dtype));
  RETURN_IF_ERROR(file_->Append(tensor, elements.bytes));
  return file_->End(tensor, absl::StrCat(open_->id, "/", name), shape);
}

absl::Status RunFileWriter::EndSession(const std::vector<std::int64_t>& qparam_shape,
                                       std::optional<FoldedRange> answer) {
  RETURN_IF_ERROR(open_->columns.End(qparam_shape));
  ASSIGN_OR_RETURN(ordered_json session,
                   SessionJson(open_->session, open_->columns.dtype(), qparam_shape));
  ordered_json json = {{names::kSession, std::move(session)},
                       {names::kWorkers, open_->columns.workers()}};
  const OfflineFold& own = open_->answer;
  if (!own.dropped()) answer = own.folded_count() == 0 ? std::nullopt : std::optional(own.Answer());
  if (answer) {
    RETURN_IF_ERROR(WriteWhole(names::kRangeMin, answer->range.min, qparam_shape));
    RETURN_IF_ERROR(WriteWhole(names::kRangeMax, answer->range.max, qparam_shape));
    json[names::kAnswer] = {{"count", open_->columns.size()},
                            {"global", RangeJson(answer->global)},
                            {"global_of_range", RangeJson(answer->global_of_range)}};
  } else {
    json[names::kNoAnswer] = own.dropped() ? "values were dropped, and no fold of them was given"
                                           : "there is nothing to fold";
  }
  json[names::kChecksum] =
      SessionChecksum(file_->LastChecksums(absl::StrCat(open_->id, "/")), AsReadBack(json));
  metadata_[open_->id] = Text(json);
  open_.reset();
  return absl::OkStatus();
}

absl::Status RunFileWriter::Finish() { return file_->Finish(metadata_); }

}  // namespace calipers::client
