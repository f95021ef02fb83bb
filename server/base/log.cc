#include "server/base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace calipers::server {
namespace {

std::atomic<bool> json_lines{false};

std::string Quoted(const std::string& value) {
  return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void Log(spdlog::level::level_enum level, absl::string_view event, const LogFields& fields) {
  if (!spdlog::should_log(level)) return;
  std::string line;
  if (json_lines) {
    nlohmann::ordered_json object;
    object["time"] = absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone());
    const auto name = spdlog::level::to_string_view(level);
    object["level"] = std::string(name.data(), name.size());
    object["event"] = std::string(event);
    for (const auto& [field, value] : fields) object[std::string(field)] = value;
    line = object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  } else {
    line = std::string(event);
    for (const auto& [name, value] : fields) absl::StrAppend(&line, " ", name, "=", Quoted(value));
  }
  spdlog::log(level, "{}", line);
}

}  // namespace

void SetUpLog(absl::string_view level, absl::string_view format) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "", std::make_shared<spdlog::sinks::stderr_color_sink_mt>()));
  json_lines = format == "json";
  spdlog::set_level(spdlog::level::from_str(std::string(level)));
  spdlog::set_pattern(json_lines ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%-7l%$ %v");
}

void LogDebug(absl::string_view event, const LogFields& fields) {
  Log(spdlog::level::debug, event, fields);
}
void LogInfo(absl::string_view event, const LogFields& fields) {
  Log(spdlog::level::info, event, fields);
}
void LogWarning(absl::string_view event, const LogFields& fields) {
  Log(spdlog::level::warn, event, fields);
}
void LogError(absl::string_view event, const LogFields& fields) {
  Log(spdlog::level::err, event, fields);
}

}  // namespace calipers::server
