#include "client/formats/run_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/formats/record_from_proto.h"
#include "client/formats/run_file_format.h"
#include "client/formats/run_file_session_parser.h"
#include "client/formats/safetensors.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

namespace names = run_file;

std::string Row(absl::Span<const std::byte> rows, std::size_t bytes, std::int64_t i) {
  const auto row = rows.subspan(bytes * static_cast<std::size_t>(i), bytes);
  return {reinterpret_cast<const char*>(row.data()), row.size()};
}

// Session ids alone have a slash; they are printed, so they must be fit for that.
bool IsSessionId(const std::string& name) {
  return absl::StrContains(name, '/') && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  absl::StrContains("_.:/-", c);
         });
}

absl::Status CheckFormat(std::map<std::string, std::string>& metadata) {
  if (metadata[names::kFormat] != names::kFormatName) {
    return absl::InvalidArgumentError(
        "it is no run file: its metadata's format is not calipers-run (calipers export writes "
        "one; calipers observe sends captured tensors)");
  }
  if (metadata[names::kVersion] == names::kVersionNumber) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("it is a run file of a version other than ", names::kVersionNumber,
                   ": use the calipers that wrote it, or a newer one"));
}

}  // namespace

bool RunFileSession::HasDropped() const {
  const bool all = std::all_of(has_values_.begin(), has_values_.end(),
                               [](std::byte has) { return has != std::byte{0}; });
  if (all) return false;
  for (RunFileCursor cursor(this); !cursor.done();) {
    if (IsDropped(cursor.Next())) return true;
  }
  return false;
}

std::int64_t RunFileCursor::index() const { return session_->index_[at_]; }

v1::SeriesRecord RunFileCursor::Next() {
  v1::SeriesRecord record;
  v1::ReducedObservation& observation = *record.mutable_observation();
  v1::ObservationHeader& header = *observation.mutable_header();
  header.set_index(index());
  header.set_dtype(session_->dtype_);
  header.set_num_observations(session_->num_observations_[at_]);
  for (std::int64_t i = session_->rank_[at_]; i > 0; --i) {
    header.add_shape(session_->shape_[dimensions_++]);
  }
  record.set_digest(Row(session_->digest_, names::kDigestBytes, at_));
  record.set_worker(session_->workers_[static_cast<std::size_t>(session_->worker_[at_])]);
  if (session_->has_values_[static_cast<std::size_t>(at_)] != std::byte{0}) {
    const auto row = [this](std::size_t column) {
      return Row(session_->values_[column], session_->value_bytes_[column], with_values_);
    };
    observation.set_min(row(0));
    observation.set_max(row(1));
    observation.set_global_min(row(2));
    observation.set_global_max(row(3));
    ++with_values_;
  }
  ++at_;
  return record;
}

absl::StatusOr<RunFile> RunFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(MappedFile opened, MappedFile::Open(path));
  auto mapped = std::make_shared<const MappedFile>(std::move(opened));
  absl::StatusOr<RunFile> file = Parse(mapped->bytes());
  if (!file.ok()) {
    return absl::Status(file.status().code(), absl::StrCat(path, ": ", file.status().message()));
  }
  file->file_ = std::move(mapped);
  return file;
}

absl::StatusOr<RunFile> RunFile::Parse(absl::Span<const std::byte> bytes) {
  ASSIGN_OR_RETURN(auto metadata, ParseSafetensorsMetadata(bytes));
  RETURN_IF_ERROR(CheckFormat(metadata));
  ASSIGN_OR_RETURN(std::vector<TensorView> views, ParseSafetensors(bytes));
  TensorsByName tensors;
  for (TensorView& view : views) {
    const std::string name = view.name;
    tensors.emplace(name, std::move(view));
  }
  RunFile file;
  file.run_ = metadata[names::kRun];
  for (const auto& [name, text] : metadata) {
    if (!absl::StrContains(name, '/')) continue;
    if (!IsSessionId(name)) {
      return absl::InvalidArgumentError("its metadata names a session that none can have");
    }
    ASSIGN_OR_RETURN(RunFileSession session, RunFileSessionParser(&tensors, name).Parse(text));
    file.sessions_.push_back(std::move(session));
  }
  return file;
}

}  // namespace calipers::client
