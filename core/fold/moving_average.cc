#include "core/fold/moving_average.h"

namespace calipers {
namespace {

// The weight of two batches of observations, one after the other.
double Join(double a, double b) { return a + b * (1.0 - a); }

}  // namespace

// By doubling, on the weights themselves. pow and expm1 differ in their last bit
// between C libraries, and so would replicas; and 1 - (1 - c)^n as written loses
// a small c to cancellation.
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
