#ifndef CALIPERS_CORE_FOLD_NON_FINITE_POLICY_H_
#define CALIPERS_CORE_FOLD_NON_FINITE_POLICY_H_

#include <cstdint>

#include "core/reduce/record.h"

namespace calipers {

/// The treatment of an observation that holds NaN or infinity. Values are stored; they must not
/// change.
enum class NonFinitePolicy : std::uint8_t { kPropagate = 1, kReject = 2, kSkip = 3 };

/// True if the record is not folded: the policy skips it, or it is empty.
bool LeftOut(NonFinitePolicy policy, const Record& record);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_NON_FINITE_POLICY_H_
