#include "client/commands/qparams_file.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

absl::Status WriteTensor(const std::string& name, const v1::Tensor& tensor,
                         SafetensorsWriter& file) {
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(tensor.dtype()));
  ASSIGN_OR_RETURN(SafetensorsWriter::Tensor* const written, file.Begin(dtype));
  RETURN_IF_ERROR(file.Append(
      written, {reinterpret_cast<const std::byte*>(tensor.data().data()), tensor.data().size()}));
  return file.End(written, name, {tensor.shape().begin(), tensor.shape().end()});
}

}  // namespace

absl::Status WriteQParams(const v1::QParams& qparams, SafetensorsWriter& file,
                          std::int64_t& written) {
  std::string name = SessionId(qparams.session());
  name[name.rfind('/')] = '.';
  const auto write = [&](bool present, const char* what, const v1::Tensor& tensor) {
    if (!present) return absl::OkStatus();
    ++written;
    return WriteTensor(absl::StrCat(name, "_", what), tensor, file);
  };
  RETURN_IF_ERROR(write(qparams.has_scale(), "scale", qparams.scale()));
  RETURN_IF_ERROR(write(qparams.has_zero_point(), "zero_point", qparams.zero_point()));
  return write(qparams.has_global_scale(), "global_scale", qparams.global_scale());
}

}  // namespace calipers::client
