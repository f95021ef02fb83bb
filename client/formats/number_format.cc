#include "client/formats/number_format.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/span.h"
#include "core/tensor/dtype.h"
#include "core/tensor/element_load.h"

namespace calipers::client {
namespace {

// Up to this magnitude float64 holds every integer.
constexpr std::int64_t kExactInFloat64 = std::int64_t{1} << 53;

template <typename T>
std::string Shortest(T value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

// Element `i` of integer elements. I64 is loaded directly: a double is exact only up to 2^53.
std::int64_t IntegerAt(const Elements& elements, std::size_t i) {
  if (elements.dtype != Dtype::kI64) return static_cast<std::int64_t>(elements[i]);
  return LoadExactly<Dtype::kI64>(elements.bytes.data() + i * sizeof(std::int64_t));
}

}  // namespace

Elements ToElements(const v1::Tensor& tensor) {
  const absl::StatusOr<Dtype> dtype = ParseDtype(tensor.dtype());
  if (!dtype.ok()) return {};
  const auto* const data = reinterpret_cast<const std::byte*>(tensor.data().data());
  return {*dtype, std::vector<std::byte>(data, data + tensor.data().size())};
}

std::string NumberText(const Elements& elements, std::size_t i) {
  if (!IsFloat(elements.dtype)) return absl::StrCat(IntegerAt(elements, i));
  const double value = elements[i];
  const auto rounded = static_cast<float>(value);
  const bool is_float32 = elements.dtype != Dtype::kF64 || value == 0 || std::isnormal(rounded);
  return is_float32 ? Shortest(rounded) : Shortest(value);
}

nlohmann::ordered_json NumberJson(const Elements& elements, std::size_t i) {
  if (!IsFloat(elements.dtype)) {
    const std::int64_t value = IntegerAt(elements, i);
    if (value < -kExactInFloat64 || value > kExactInFloat64) return absl::StrCat(value);
    return value;
  }
  const double value = elements[i];
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

nlohmann::ordered_json ToJson(const v1::Tensor& tensor) {
  nlohmann::ordered_json values = nlohmann::ordered_json::array();
  const Elements elements = ToElements(tensor);
  for (std::size_t i = 0; i < elements.size(); ++i) values.push_back(NumberJson(elements, i));
  return {{"dtype", tensor.dtype()},
          {"shape", std::vector<std::int64_t>(tensor.shape().begin(), tensor.shape().end())},
          {"values", std::move(values)}};
}

std::string BytesText(double bytes) {
  static constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, bytes, kUnits[unit]);
}

}  // namespace calipers::client
