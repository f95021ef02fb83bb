#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "core/mutex_settings.h"  // IWYU pragma: keep
#include "core/reduce/accumulators.h"
#include "core/reduce/geometry.h"
#include "core/reduce/record.h"
#include "core/reduce/reducer.h"
#include "core/tensor/dtype.h"

namespace calipers {
namespace {

namespace nb = nanobind;

using Elements = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::int64_t Parts(std::int64_t length, std::int64_t run) { return (length + run - 1) / run; }

// Of what calipers.geometry found; num_observations and qparam_shape are not asked for.
View MakeView(std::int64_t rows, std::int64_t row_length, std::int64_t reduced_outer,
              std::int64_t reduced_inner) {
  return {.rows = rows,
          .row_length = row_length,
          .reduced_outer = reduced_outer,
          .reduced_inner = reduced_inner,
          .kept_outer = Parts(rows, reduced_outer),
          .kept_inner = Parts(row_length, reduced_inner)};
}

absl::StatusOr<Record> ReduceAll(Dtype dtype, const View& view,
                                 absl::Span<const std::byte> elements) {
  Reducer reducer(dtype, view, 0);
  if (const absl::Status status = reducer.Update(elements); !status.ok()) return status;
  return std::move(reducer).Finish();
}

// Python's exception for a status.
[[noreturn]] void Raise(const absl::Status& status) {
  throw nb::value_error(std::string(status.message()).c_str());
}

nb::bytes ToBytes(absl::Span<const std::byte> values) {
  return nb::bytes(values.data(), values.size());
}

nb::tuple Reduce(const Elements& elements, const std::string& dtype_name, std::int64_t rows,
                 std::int64_t row_length, std::int64_t reduced_outer, std::int64_t reduced_inner) {
  const absl::StatusOr<Dtype> dtype = ParseDtype(dtype_name);
  if (!dtype.ok()) Raise(dtype.status());
  const std::int64_t shape[] = {rows, row_length};
  const absl::StatusOr<std::int64_t> count = NumElements(shape);
  if (!count.ok()) Raise(count.status());
  if (rows <= 0 || row_length <= 0 || reduced_outer <= 0 || reduced_inner <= 0) {
    throw nb::value_error("rows, row_length, reduced_outer and reduced_inner must be above 0");
  }
  // Before memory is taken for the parameters.
  const std::size_t bytes_needed = static_cast<std::size_t>(*count) * ByteSize(*dtype);
  if (elements.size() != bytes_needed) {
    Raise(absl::InvalidArgumentError(absl::StrCat("elements has ", elements.size(), " bytes; ",
                                                  rows, " x ", row_length, " of ", dtype_name,
                                                  " take ", bytes_needed)));
  }
  const View view = MakeView(rows, row_length, reduced_outer, reduced_inner);
  const absl::Span<const std::byte> bytes(reinterpret_cast<const std::byte*>(elements.data()),
                                          elements.size());
  const absl::StatusOr<Record> record = [&] {
    const nb::gil_scoped_release others_run;
    return ReduceAll(*dtype, view, bytes);
  }();
  if (!record.ok()) Raise(record.status());
  return nb::make_tuple(ToBytes(record->min()), ToBytes(record->max()),
                        ToBytes(record->global_min()), ToBytes(record->global_max()));
}

std::string TargetName() { return std::string(Accumulators::TargetName()); }

}  // namespace

NB_MODULE(_core, module) {
  module.doc() = "The reducers of Calipers' core.";
  module.def("reduce", &Reduce, nb::arg("elements"), nb::arg("dtype"), nb::kw_only(),
             nb::arg("rows"), nb::arg("row_length"), nb::arg("reduced_outer"),
             nb::arg("reduced_inner"),
             "min, max, global_min and global_max of a tensor of packed elements, as bytes of "
             "its dtype: one element a parameter, then one each. ValueError for numbers that "
             "do not fit together.");
  module.def("target_name", &TargetName, "The instruction set that it uses, such as AVX3.");
}

}  // namespace calipers
