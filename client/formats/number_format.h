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

/// Element `i` as text for a table, which has no room for the digits of float64. An integer is
/// printed in full. A float is rounded to float32, and printed as the shortest decimal that reads
/// back as that float32; an F64 element that is no normal float32 reads back as the same float64.
/// "nan", "inf" or "-inf" otherwise.
std::string NumberText(const Elements& elements, std::size_t i);

/// Element `i` as a JSON number that reads back as the same bits. JSON has no NaN and no infinity:
/// they are the strings "NaN", "Infinity" and "-Infinity". An integer beyond 2^53 is a string, too,
/// as in protobuf's JSON, because many readers, such as jq, keep numbers as float64.
nlohmann::ordered_json NumberJson(const Elements& elements, std::size_t i);

/// {"dtype", "shape", "values"}; the values are as NumberJson returns them.
nlohmann::ordered_json ToJson(const v1::Tensor& tensor);

/// A size as text: "1.5 KiB", "3.0 GiB".
std::string BytesText(double bytes);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_NUMBER_FORMAT_H_
