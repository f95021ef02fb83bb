#ifndef CALIPERS_TESTS_CORE_QPARAMS_QPARAMS_CASES_H_
#define CALIPERS_TESTS_CORE_QPARAMS_QPARAMS_CASES_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/args/preset_schemes.h"
#include "core/qparams/qparams.h"
#include "tests/support/elements.h"

// Short forms for ranges, args and options, and for what a calculation says.
namespace calipers::testing {

using Shape = std::vector<std::int64_t>;

inline ElementRange RangeOf(Dtype dtype, const std::vector<double>& min,
                            const std::vector<double>& max) {
  return {Packed(dtype, min), Packed(dtype, max)};
}

inline QuantizationArgs Int(std::int64_t num_bits, bool symmetric) {
  QuantizationArgs args;
  args.num_bits = num_bits;
  args.symmetric = symmetric;
  return args;
}

inline QuantizationArgs Float(std::int64_t num_bits) {
  QuantizationArgs args;
  args.num_bits = num_bits;
  args.type = QuantizationType::kFloat;
  return args;
}

inline QuantizationArgs WeightsOf(absl::string_view preset) {
  return *PresetScheme(preset)->weights;
}

constexpr QParamsOptions In(Arithmetic arithmetic, Dtype observed = Dtype::kF32) {
  return {.arithmetic = arithmetic, .observed_dtype = observed};
}

// The qparams of a range with one dimension.
inline absl::StatusOr<QParams> Calculate(const ElementRange& range, const QuantizationArgs& args,
                                         const QParamsOptions& options,
                                         std::optional<float> global_scale = {}) {
  const Shape shape = {static_cast<std::int64_t>(range.min.size())};
  return CalculateQParams(range, shape, args, global_scale, options);
}

inline QParams Calculated(const ElementRange& range, const QuantizationArgs& args,
                          const QParamsOptions& options, std::optional<float> global_scale = {}) {
  const auto qparams = Calculate(range, args, options, global_scale);
  EXPECT_TRUE(qparams.ok()) << qparams.status();
  return qparams.value_or(QParams());
}

inline std::string Refusal(const absl::Status& status, absl::StatusCode code) {
  EXPECT_EQ(status.code(), code) << status;
  return std::string(status.message());
}

inline std::vector<QParamsTrap> Followed(const std::vector<QParamsNote>& notes) {
  std::vector<QParamsTrap> traps;
  for (const QParamsNote& note : notes) {
    if (note.outcome == TrapOutcome::kFollowed) traps.push_back(note.trap);
  }
  return traps;
}

inline std::vector<QParamsTrap> Repaired(const std::vector<QParamsNote>& notes) {
  std::vector<QParamsTrap> traps;
  for (const QParamsNote& note : notes) {
    if (note.outcome == TrapOutcome::kRepaired) traps.push_back(note.trap);
  }
  return traps;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_CORE_QPARAMS_QPARAMS_CASES_H_
