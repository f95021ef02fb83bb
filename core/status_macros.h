#ifndef CALIPERS_CORE_STATUS_MACROS_H_
#define CALIPERS_CORE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Two macros that later versions of Abseil define, under the same names.

#define RETURN_IF_ERROR(expression)                    \
  do {                                                 \
    absl::Status calipers_status = (expression);       \
    if (!calipers_status.ok()) return calipers_status; \
  } while (false)

#define CALIPERS_CONCAT_INNER(a, b) a##b
#define CALIPERS_CONCAT(a, b) CALIPERS_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(lhs, expression) \
  ASSIGN_OR_RETURN_INNER(CALIPERS_CONCAT(calipers_result_, __LINE__), lhs, expression)
#define ASSIGN_OR_RETURN_INNER(result, lhs, expression) \
  auto result = (expression);                           \
  if (!result.ok()) return std::move(result).status();  \
  lhs = *std::move(result)

#endif  // CALIPERS_CORE_STATUS_MACROS_H_
