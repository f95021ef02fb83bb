#ifndef CALIPERS_CLIENT_COMMANDS_QPARAMS_FILE_H_
#define CALIPERS_CLIENT_COMMANDS_QPARAMS_FILE_H_

#include "absl/status/status.h"
#include "calipers/v1/qparams.pb.h"
#include "client/safetensors_writer.h"

namespace calipers::client {

/// Writes a session's qparams by the names that compressed-tensors gives them on a module:
/// MODULE.weight_scale, MODULE.weight_zero_point, MODULE.weight_global_scale; the same with
/// input, output, q, k and v. Those that are absent are not written. Returns how many were,
/// in `written`.
absl::Status WriteQParams(const v1::QParams& qparams, SafetensorsWriter& file,
                          std::int64_t& written);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_COMMANDS_QPARAMS_FILE_H_
