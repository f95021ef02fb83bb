#include "core/fold/non_finite_policy.h"

namespace calipers {

bool LeftOut(NonFinitePolicy policy, const Record& record) {
  return record.empty() ||
         (policy == NonFinitePolicy::kSkip && (record.saw_nan() || record.saw_inf()));
}

}  // namespace calipers
