#include "client/formats/run_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/formats/run_file_format.h"
#include "client/formats/run_file_session_parser.h"
#include "client/formats/safetensors.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

namespace names = run_file;

// Only session ids have a slash. They are printed, so they may have only these characters.
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
  const std::string& version = metadata[names::kVersion];
  if (version == names::kVersionNumber || version == names::kEarlierVersion) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("it is a run file of a version other than ", names::kEarlierVersion, " and ",
                   names::kVersionNumber, ": use the calipers that wrote it, or a newer one"));
}

}  // namespace

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

absl::Status RunFile::CheckUnchanged() const {
  return file_ == nullptr ? absl::OkStatus() : file_->CheckUnchanged();
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
    RunFileSessionParser parser(&tensors, name, metadata.contains(names::kChecksum));
    ASSIGN_OR_RETURN(RunFileSession session, std::move(parser).Parse(text));
    file.sessions_.push_back(std::move(session));
  }
  return file;
}

}  // namespace calipers::client
