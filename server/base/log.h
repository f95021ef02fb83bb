#ifndef CALIPERS_SERVER_BASE_LOG_H_
#define CALIPERS_SERVER_BASE_LOG_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace calipers::server {

/// The names and values of an event's fields.
using LogFields = std::vector<std::pair<absl::string_view, std::string>>;

/// Sets up the log, on stderr. `level` is the lowest level that is logged: debug, info, warning or
/// error. `format` is `text` (time, level, event, name=value ...) or `json` (one object per line:
/// time in UTC, level, event and the fields).
void SetUpLog(absl::string_view level, absl::string_view format);

/// Logs an event. Thread-safe.
void LogDebug(absl::string_view event, const LogFields& fields = {});
void LogInfo(absl::string_view event, const LogFields& fields = {});
void LogWarning(absl::string_view event, const LogFields& fields = {});
void LogError(absl::string_view event, const LogFields& fields = {});

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_BASE_LOG_H_
