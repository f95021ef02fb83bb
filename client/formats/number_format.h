#ifndef CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>

#include "calipers/v1/range.pb.h"
#include "core/tensor/element.h"

namespace calipers::client {

/// The numbers of a tensor from the wire; empty if its dtype is none of ours.
Elements ToElements(const v1::Tensor& tensor);

/// One of the elements: an integer in full, else the shortest decimal that reads
/// back as the same float32 (of F64: float64), "nan", "inf" or "-inf".
std::string NumberText(const Elements& elements, std::size_t i);

/// One of the elements as a JSON number that reads back as the same bits, an integer in
/// full, or "NaN", "Infinity" or "-Infinity", for which JSON has no number.
nlohmann::ordered_json NumberJson(const Elements& elements, std::size_t i);

/// {"dtype", "shape", "values"}; values as NumberJson gives them.
nlohmann::ordered_json ToJson(const v1::Tensor& tensor);

/// "1.5 KiB", "3.0 GiB".
std::string BytesText(double bytes);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_
