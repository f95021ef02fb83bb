#ifndef CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_
#define CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// Reads args from a JSON object, as it stands in a recipe or in a checkpoint's config.json, by the
/// rules of compressed-tensors 0.20 (CheckQuantizationArgs). Omitted members have its defaults.
/// Names of strategy and type may be in capitals. A block_structure may be "128x128". A dtype may
/// be "torch.uint8" or "uint8". If a name is given twice, the last value counts.
///
/// Stricter than compressed-tensors:
/// - pydantic converts values of another kind ("8" or true for a number, 1 or "yes" for true). Here
///   they are refused.
/// - Integers outside int64, and an observer with an empty name, are refused.
/// - Dtypes in which no scale or zero point is kept here (core/tensor/torch_dtype.h) are refused.
///
/// INVALID_ARGUMENT names the member, the given value and the allowed values. Also for text that is
/// not a JSON object, has an unknown member, is longer than 64 KiB or is nested deeper than 32.
absl::StatusOr<QuantizationArgs> QuantizationArgsFromJson(absl::string_view text);

/// The JSON object, without line breaks, that compressed-tensors 0.20 writes (model_dump_json) for
/// args of QuantizationArgsFromJson or PresetScheme: the same members in the same order, and the
/// same members omitted. compressed-tensors omits the zp_dtype of symmetric args. So MXFP4 args
/// that are written and read again have their zeros in F8_E4M3 and no longer in U8, there and here.
std::string QuantizationArgsToJson(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_
