#ifndef CALIPERS_SERVER_MODEL_SESSION_SPEC_H_
#define CALIPERS_SERVER_MODEL_SESSION_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "core/args/arithmetic.h"
#include "core/args/base_name.h"
#include "core/args/quantization_args.h"
#include "core/fold/non_finite_policy.h"
#include "core/fold/observer.h"
#include "core/reduce/statistics/registry.h"
#include "core/tensor/dtype.h"

namespace calipers::server {

/// Which part of a series is stored; calipers.v1.Retention describes the values. The numbers are
/// stored, so they must not change.
enum class Retention : std::uint8_t { kSeries = 1, kFolded = 2 };

/// Everything that a session is created with. It never changes afterwards.
struct SessionSpec {
  QuantizationArgs args;
  Arithmetic arithmetic = Arithmetic::kExact;
  NonFinitePolicy non_finite_policy = NonFinitePolicy::kPropagate;
  Weighting weighting = Weighting::kUniform;
  /// The only dtype that the session accepts. Without it, the dtype of the first record that has
  /// elements. Empty observations are accepted in any dtype.
  std::optional<Dtype> dtype;
  Retention retention = Retention::kSeries;
  /// The statistics that each record holds beside its range.
  StatisticSet statistics = {};

  friend bool operator==(const SessionSpec&, const SessionSpec&) = default;
};

/// OK, or INVALID_ARGUMENT if no observation of `base_name` could ever fit.
absl::Status CheckSpec(BaseName base_name, const SessionSpec& spec);

/// OK, or INVALID_ARGUMENT if tensors of `dtype` cannot be folded in
/// `arithmetic`.
absl::Status CheckFoldable(Dtype dtype, Arithmetic arithmetic);

/// Lists each member that differs, with both values, such as "group_size is 128, given 64"; empty
/// for equal specs.
std::string DescribeDifference(const SessionSpec& have, const SessionSpec& given);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SESSION_SPEC_H_
