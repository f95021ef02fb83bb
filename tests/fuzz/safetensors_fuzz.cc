#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "client/formats/safetensors.h"

// For any input, the parser reads only bytes of the input.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* const begin = reinterpret_cast<const std::byte*>(data);
  const auto tensors = calipers::client::ParseSafetensors({begin, size});
  if (!tensors.ok()) return 0;
  for (const auto& tensor : *tensors) {
    if (tensor.data.empty()) continue;
    if (tensor.data.data() < begin || tensor.data.data() + tensor.data.size() > begin + size) {
      std::abort();
    }
  }
  return 0;
}
