#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"
#include "core/args/quantization_args_json.h"

// Whatever the text, args that are accepted are written as JSON, and what that says is what
// it says again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto args = calipers::QuantizationArgsFromJson({reinterpret_cast<const char*>(data), size});
  if (!args.ok()) return 0;
  const std::string written = calipers::QuantizationArgsToJson(*args);
  const auto again = calipers::QuantizationArgsFromJson(written);
  // Its zp_dtype, which is not always written, may be what made it acceptable.
  if (!again.ok() && !args->zp_dtype) std::abort();
  if (again.ok() && calipers::QuantizationArgsToJson(*again) != written) std::abort();
  return 0;
}
