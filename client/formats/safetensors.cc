#include "client/formats/safetensors.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/formats/bounded_json.h"
#include "client/formats/quoted.h"
#include "client/formats/safetensors_format.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"
#include "core/tensor/dtype.h"

namespace calipers::client {
namespace {

using nlohmann::json;

constexpr char kMetadata[] = "__metadata__";
// More than the nesting depth of any header.
constexpr int kMaxHeaderDepth = 8;

absl::Status Bad(const std::string& tensor, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("safetensors: tensor ", Quoted(tensor), ": ", what));
}

// Bytes of one element, also for dtypes that Calipers does not observe: such a tensor is skipped
// later, but its header must be correct. nullopt for dtypes that the format added later.
std::optional<std::int64_t> ElementBytes(const std::string& dtype) {
  if (const absl::StatusOr<Dtype> known = ParseDtype(dtype); known.ok()) {
    return static_cast<std::int64_t>(ByteSize(*known));
  }
  if (dtype == "BOOL" || dtype == "F8_E8M0") return 1;
  if (dtype == "U16") return 2;
  if (dtype == "U32") return 4;
  if (dtype == "U64" || dtype == "C64") return 8;
  return std::nullopt;
}

absl::StatusOr<std::vector<std::int64_t>> ParseNumbers(const std::string& tensor, const json& entry,
                                                       const char* member) {
  const auto found = entry.find(member);
  if (found == entry.end() || !found->is_array()) {
    return Bad(tensor, absl::StrCat(member, " is not a list"));
  }
  std::vector<std::int64_t> numbers;
  for (const json& number : *found) {
    if (!number.is_number_unsigned() ||
        number.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
      return Bad(tensor, absl::StrCat(member, " holds something that is not a size"));
    }
    numbers.push_back(static_cast<std::int64_t>(number.get<std::uint64_t>()));
  }
  return numbers;
}

absl::StatusOr<TensorView> ParseEntry(const std::string& name, const json& entry,
                                      absl::Span<const std::byte> data) {
  if (!entry.is_object()) return Bad(name, "its entry is not an object");
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) return Bad(name, "dtype is not a string");
  TensorView tensor{.name = name, .dtype = dtype->get<std::string>()};
  ASSIGN_OR_RETURN(tensor.shape, ParseNumbers(name, entry, "shape"));
  ASSIGN_OR_RETURN(const std::vector<std::int64_t> offsets,
                   ParseNumbers(name, entry, "data_offsets"));
  absl::StatusOr<std::int64_t> elements = NumElements(tensor.shape);
  if (!elements.ok()) return Bad(name, elements.status().message());
  if (offsets.size() != 2 || offsets[0] > offsets[1] ||
      static_cast<std::uint64_t>(offsets[1]) > data.size()) {
    return Bad(name, absl::StrCat("data_offsets do not lie in the file's ", data.size(),
                                  " bytes of data"));
  }
  const std::optional<std::int64_t> element = ElementBytes(tensor.dtype);
  if (element && offsets[1] - offsets[0] != *elements * *element) {
    return Bad(name, absl::StrCat("data_offsets span ", offsets[1] - offsets[0], " bytes; shape ",
                                  ShapeText(tensor.shape), " of ", tensor.dtype, " takes ",
                                  *elements * *element));
  }
  tensor.data = data.subspan(static_cast<std::size_t>(offsets[0]),
                             static_cast<std::size_t>(offsets[1] - offsets[0]));
  return tensor;
}

// The tensors must fill the data, one after the other. Otherwise two readers could see different
// tensors, and a file could hide data.
absl::Status CheckLayout(const std::vector<TensorView>& tensors, absl::Span<const std::byte> data) {
  std::vector<const TensorView*> in_order;
  in_order.reserve(tensors.size());
  for (const TensorView& tensor : tensors) in_order.push_back(&tensor);
  std::sort(in_order.begin(), in_order.end(), [](const TensorView* a, const TensorView* b) {
    return std::make_pair(a->data.data(), a->data.size()) <
           std::make_pair(b->data.data(), b->data.size());
  });
  const std::byte* end = data.data();
  for (const TensorView* const tensor : in_order) {
    const std::ptrdiff_t gap = tensor->data.data() - end;
    if (gap < 0) return Bad(tensor->name, "its data overlap those of another tensor");
    if (gap > 0) return Bad(tensor->name, absl::StrCat(gap, " bytes before its data are unused"));
    end += tensor->data.size();
  }
  if (end == data.data() + data.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("safetensors: ", data.data() + data.size() - end,
                                                 " bytes follow the last tensor's data"));
}

struct Parts {
  json header;
  absl::Span<const std::byte> data;
};

absl::StatusOr<Parts> Split(absl::Span<const std::byte> file) {
  std::uint64_t length = 0;
  if (file.size() < safetensors::kLengthBytes) {
    return absl::InvalidArgumentError("safetensors: the file is shorter than its length field");
  }
  std::memcpy(&length, file.data(), safetensors::kLengthBytes);
  file.remove_prefix(safetensors::kLengthBytes);
  if (length > file.size() || length > safetensors::kMaxHeader) {
    return absl::InvalidArgumentError(absl::StrCat("safetensors: the header claims ", length,
                                                   " bytes; ", file.size(), " follow and at most ",
                                                   safetensors::kMaxHeader, " are allowed"));
  }
  const auto* const text = reinterpret_cast<const char*>(file.data());
  json header = ParseBoundedJson({text, static_cast<std::size_t>(length)}, kMaxHeaderDepth);
  if (!header.is_object()) {
    return absl::InvalidArgumentError(
        "safetensors: the header is not a JSON object, nests too deep, or has a key twice");
  }
  file.remove_prefix(static_cast<std::size_t>(length));
  return Parts{std::move(header), file};
}

}  // namespace

absl::StatusOr<std::vector<TensorView>> ParseSafetensors(absl::Span<const std::byte> file) {
  ASSIGN_OR_RETURN(const Parts parts, Split(file));
  std::vector<TensorView> tensors;
  for (const auto& [name, entry] : parts.header.items()) {
    if (name == kMetadata) continue;
    ASSIGN_OR_RETURN(TensorView tensor, ParseEntry(name, entry, parts.data));
    tensors.push_back(std::move(tensor));
  }
  RETURN_IF_ERROR(CheckLayout(tensors, parts.data));
  return tensors;
}

absl::StatusOr<std::map<std::string, std::string>> ParseSafetensorsMetadata(
    absl::Span<const std::byte> file) {
  ASSIGN_OR_RETURN(const Parts parts, Split(file));
  std::map<std::string, std::string> metadata;
  const auto found = parts.header.find(kMetadata);
  if (found == parts.header.end()) return metadata;
  if (!found->is_object()) {
    return absl::InvalidArgumentError("safetensors: __metadata__ is not an object");
  }
  for (const auto& [name, text] : found->items()) {
    if (!text.is_string()) {
      return absl::InvalidArgumentError(
          absl::StrCat("safetensors: __metadata__ ", Quoted(name), " is not a text"));
    }
    metadata.emplace(name, text.get<std::string>());
  }
  return metadata;
}

}  // namespace calipers::client
