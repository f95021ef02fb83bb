#ifndef CALIPERS_TESTS_SUPPORT_STATUS_MATCHERS_H_
#define CALIPERS_TESTS_SUPPORT_STATUS_MATCHERS_H_

#include <gmock/gmock.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// The same matchers as absl_testing::IsOk and StatusIs in later versions of Abseil.
namespace calipers::testing {

inline const absl::Status& GetStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& GetStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << GetStatus(arg);
  return GetStatus(arg).ok();
}

// StatusIs(code, matcher for the message).
MATCHER_P2(StatusIs, code, message,
           "has code " + absl::StatusCodeToString(code) + " and a message that " +
               ::testing::DescribeMatcher<std::string>(message)) {
  const absl::Status& status = GetStatus(arg);
  *result_listener << status;
  return status.code() == code &&
         ::testing::ExplainMatchResult(message, std::string(status.message()), result_listener);
}

}  // namespace calipers::testing

#define ASSERT_OK(expression) ASSERT_THAT((expression), ::calipers::testing::IsOk())
#define EXPECT_OK(expression) EXPECT_THAT((expression), ::calipers::testing::IsOk())

#endif  // CALIPERS_TESTS_SUPPORT_STATUS_MATCHERS_H_
