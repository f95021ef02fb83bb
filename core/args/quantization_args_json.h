#ifndef CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_
#define CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/quantization_args.h"

namespace calipers {

/// The args that a JSON object holds, as it stands in a recipe or in a checkpoint's
/// config.json, by the rules of compressed-tensors 0.20 (CheckQuantizationArgs). Members left
/// out have its defaults; names of strategy and type may be in capitals; a block_structure
/// may be "128x128", dtypes "torch.uint8" or "uint8"; of a name given twice the last counts.
///
/// Stricter than compressed-tensors where pydantic would make one kind of value of another
/// ("8" or true for a number, 1 or "yes" for true), where an integer is not in int64, for an
/// observer of no name, and for dtypes in which no scale or zero point is kept here
/// (core/tensor/torch_dtype.h).
///
/// INVALID_ARGUMENT names the member, what was given and what is allowed: for text that is no
/// JSON object, has a member of another name, is longer than 64 KiB or nested deeper than 32.
absl::StatusOr<QuantizationArgs> QuantizationArgsFromJson(absl::string_view text);

/// The JSON object that compressed-tensors 0.20 writes (model_dump_json) for args of
/// QuantizationArgsFromJson or PresetScheme: the same members in the same order, those left
/// out that it leaves out. No line breaks. With them goes the zp_dtype of symmetric args: an
/// MXFP4 that is written and read has its zeros in F8_E4M3 and no longer in U8, there and here.
std::string QuantizationArgsToJson(const QuantizationArgs& args);

}  // namespace calipers

#endif  // CALIPERS_CORE_ARGS_QUANTIZATION_ARGS_JSON_H_
