#include "client/formats/npy.h"

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/formats/as_bytes.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"
#include "core/tensor/dtype.h"
#include "re2/re2.h"

namespace calipers::client {
namespace {

constexpr absl::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxDescr = 32;
constexpr std::size_t kMaxNpyHeader = std::size_t{1} << 20;

absl::Status Bad(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("npy: ", what));
}

// Reads the header's text, a Python dict literal. Leaves `file` at the start of the data.
absl::StatusOr<std::string> ReadHeader(absl::Span<const std::byte>& file) {
  const absl::string_view text = AsText(file);
  if (text.size() < 10 || text.substr(0, kMagic.size()) != kMagic) {
    return Bad("the file does not begin as one");
  }
  const int version = static_cast<unsigned char>(text[6]);
  if (version < 1 || version > 3)
    return Bad(absl::StrCat("format version ", version, " is unknown"));
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t begin = 8 + length_bytes;
  if (text.size() < begin) return Bad("the file ends in its header");
  std::uint32_t length = 0;
  std::memcpy(&length, text.data() + 8, length_bytes);
  if (length > kMaxNpyHeader || length > text.size() - begin) {
    return Bad(absl::StrCat("the header claims ", length, " bytes; ", text.size() - begin,
                            " follow and at most ", kMaxNpyHeader, " are allowed"));
  }
  file.remove_prefix(begin + length);
  return std::string(text.substr(begin, length));
}

std::optional<Dtype> DtypeOf(const std::string& descr) {
  static constexpr std::pair<absl::string_view, Dtype> kKnown[] = {
      {"<f8", Dtype::kF64}, {"<f4", Dtype::kF32}, {"<f2", Dtype::kF16}, {"|i1", Dtype::kI8},
      {"|u1", Dtype::kU8},  {"<i2", Dtype::kI16}, {"<i4", Dtype::kI32}, {"<i8", Dtype::kI64}};
  for (const auto& [name, dtype] : kKnown) {
    if (name == descr) return dtype;
  }
  return std::nullopt;
}

absl::StatusOr<std::vector<std::int64_t>> ParseShape(const std::string& text) {
  std::vector<std::int64_t> shape;
  for (absl::string_view part : absl::StrSplit(text, ',', absl::SkipWhitespace())) {
    std::int64_t dimension = 0;
    if (!absl::SimpleAtoi(part, &dimension) || dimension < 0) {
      return Bad("shape holds something that is not a size");
    }
    shape.push_back(dimension);
  }
  return shape;
}

}  // namespace

absl::StatusOr<TensorView> ParseNpy(absl::Span<const std::byte> file) {
  static const RE2 kDescr(R"('descr':\s*'([^']*)')");
  static const RE2 kOrder(R"('fortran_order':\s*(True|False))");
  static const RE2 kShape(R"('shape':\s*\(([0-9, ]*)\))");
  ASSIGN_OR_RETURN(const std::string header, ReadHeader(file));
  std::string descr;
  std::string fortran_order;
  std::string shape_text;
  if (!RE2::PartialMatch(header, kDescr, &descr) ||
      !RE2::PartialMatch(header, kOrder, &fortran_order) ||
      !RE2::PartialMatch(header, kShape, &shape_text)) {
    return Bad("the header lacks descr, fortran_order or shape");
  }
  const std::optional<Dtype> dtype = DtypeOf(descr);
  if (!dtype) {
    TensorView other{.dtype = descr.substr(0, kMaxDescr)};
    ASSIGN_OR_RETURN(other.shape, ParseShape(shape_text));
    return other;
  }
  if (fortran_order == "True") {
    return Bad("the array is in Fortran order; save numpy.ascontiguousarray of it");
  }
  TensorView tensor{.dtype = std::string(DtypeName(*dtype))};
  ASSIGN_OR_RETURN(tensor.shape, ParseShape(shape_text));
  absl::StatusOr<std::int64_t> elements = NumElements(tensor.shape);
  if (!elements.ok()) return Bad(elements.status().message());
  const std::size_t expected = static_cast<std::size_t>(*elements) * ByteSize(*dtype);
  if (file.size() != expected) {
    return Bad(absl::StrCat(file.size(), " bytes of data follow the header; shape ",
                            ShapeText(tensor.shape), " of ", tensor.dtype, " takes ", expected));
  }
  tensor.data = file;
  return tensor;
}

}  // namespace calipers::client
