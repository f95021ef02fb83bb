#include "core/fold/moving_average.h"

namespace calipers {
namespace {

// The weight of two batches of observations, one after the other.
double Join(double a, double b) { return a + b * (1.0 - a); }

}  // namespace

// Computes the weight by repeated doubling of n. pow and expm1 differ in the last bit between C
// libraries, so replicas would differ too. The formula 1 - (1 - c)^n itself loses a small c to
// cancellation.
double CombinedWeight(double constant, std::int64_t num_observations) {
  double weight = 0.0;
  double of_power = constant;
  for (std::int64_t n = num_observations; n > 0; n >>= 1) {
    if (n & 1) weight = Join(of_power, weight);
    of_power = Join(of_power, of_power);
  }
  return weight;
}

double WeightOf(Weighting weighting, double constant, std::int64_t num_observations) {
  return weighting == Weighting::kUniform ? constant : CombinedWeight(constant, num_observations);
}

}  // namespace calipers
