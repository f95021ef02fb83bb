#ifndef CALIPERS_SERVER_BASE_LOG_H_
#define CALIPERS_SERVER_BASE_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace calipers::server {

/// Names and values that go with an event.
using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

/// Sets up the log: stderr, from `level` (debug, info, warning, error) on, as
/// `text` (time, level, event, name=value ...) or as `json` (one object a line:
/// time in UTC, level, event and the fields).
void SetUpLog(absl::string_view level, absl::string_view format);

/// Logs an event. Thread-safe.
void LogDebug(absl::string_view event, const LogFields& fields = {});
void LogInfo(absl::string_view event, const LogFields& fields = {});
void LogWarning(absl::string_view event, const LogFields& fields = {});
void LogError(absl::string_view event, const LogFields& fields = {});

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_BASE_LOG_H_
