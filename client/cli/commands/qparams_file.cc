#include "client/cli/commands/qparams_file.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/session_json.h"
#include "client/formats/as_bytes.h"
#include "core/status_macros.h"

namespace calipers::client {

absl::StatusOr<std::unique_ptr<QParamsFile>> QParamsFile::Create(const std::string& path) {
  ASSIGN_OR_RETURN(auto writer, SafetensorsWriter::Create(path));
  return std::unique_ptr<QParamsFile>(new QParamsFile(std::move(writer)));
}

absl::Status QParamsFile::Write(const std::string& name, const v1::Tensor& tensor) {
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(tensor.dtype()));
  ASSIGN_OR_RETURN(SafetensorsWriter::Tensor* const written, writer_->Begin(dtype));
  RETURN_IF_ERROR(writer_->Append(written, AsBytes(tensor.data())));
  RETURN_IF_ERROR(writer_->End(written, name, {tensor.shape().begin(), tensor.shape().end()}));
  ++tensors_;
  return absl::OkStatus();
}

absl::Status QParamsFile::Add(const v1::QParams& qparams) {
  const std::string session = SessionId(qparams.session());
  std::string name = session;
  name[name.rfind('/')] = '.';
  const std::int64_t before = tensors_;
  if (qparams.has_scale()) RETURN_IF_ERROR(Write(absl::StrCat(name, "_scale"), qparams.scale()));
  if (qparams.has_zero_point()) {
    RETURN_IF_ERROR(Write(absl::StrCat(name, "_zero_point"), qparams.zero_point()));
  }
  if (qparams.has_global_scale()) {
    RETURN_IF_ERROR(Write(absl::StrCat(name, "_global_scale"), qparams.global_scale()));
  }
  sessions_ += tensors_ > before ? 1 : 0;
  for (const std::string& peer : qparams.fallback_sessions()) {
    fallback_[session].push_back(SessionId(peer));
  }
  for (const std::string& member : qparams.absent_sessions()) {
    absent_[session].push_back(SessionId(member));
  }
  if (!qparams.notes().empty()) notes_[session] = ToJson(qparams.notes());
  return absl::OkStatus();
}

absl::Status QParamsFile::Finish(std::map<std::string, std::string> metadata) {
  if (!fallback_.empty()) metadata["calipers_fallback"] = fallback_.dump();
  if (!absent_.empty()) metadata["calipers_absent"] = absent_.dump();
  if (!notes_.empty()) metadata["calipers_notes"] = notes_.dump();
  return writer_->Finish(metadata);
}

}  // namespace calipers::client
