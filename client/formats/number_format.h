#ifndef CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "calipers/v1/range.pb.h"
#include "core/tensor/element.h"

namespace calipers::client {

/// The elements of a tensor from the wire; empty if its dtype is unknown.
Elements ToElements(const v1::Tensor& tensor);

/// Element `i` as text. An integer is printed in full. A float is the shortest decimal that reads
/// back as the same float32 (for F64: float64), or "nan", "inf" or "-inf".
std::string NumberText(const Elements& elements, std::size_t i);

/// Element `i` as a JSON number that reads back as the same bits. An integer is printed in full.
/// JSON has no NaN and no infinity: they are the strings "NaN", "Infinity" and "-Infinity".
nlohmann::ordered_json NumberJson(const Elements& elements, std::size_t i);

/// {"dtype", "shape", "values"}; the values are as NumberJson returns them.
nlohmann::ordered_json ToJson(const v1::Tensor& tensor);

/// A size as text: "1.5 KiB", "3.0 GiB".
std::string BytesText(double bytes);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_
