#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "core/args/quantization_args_json.h"

// For any input, accepted args are written as JSON, and reading this JSON gives the same JSON
// again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto args = calipers::QuantizationArgsFromJson({reinterpret_cast<const char*>(data), size});
  if (!args.ok()) return 0;
  const std::string written = calipers::QuantizationArgsToJson(*args);
  const auto again = calipers::QuantizationArgsFromJson(written);
  // The JSON may lack zp_dtype, and without zp_dtype the args may be refused.
  if (!again.ok() && !args->zp_dtype) std::abort();
  if (again.ok() && calipers::QuantizationArgsToJson(*again) != written) std::abort();
  return 0;
}
