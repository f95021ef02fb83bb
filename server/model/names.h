#ifndef CALIPERS_SERVER_MODEL_NAMES_H_
#define CALIPERS_SERVER_MODEL_NAMES_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/args/base_name.h"

namespace calipers::server {

/// The resource name of a run, `runs/{run}`. Checked and immutable.
class RunName {
 public:
  /// {run} is 1 to 128 characters of [A-Za-z0-9._-] and not "-". INVALID_ARGUMENT, with the reason,
  /// for any other name.
  static absl::StatusOr<RunName> Parse(absl::string_view name);

  const std::string& full() const { return full_; }
  /// The beginning of the full names of the run's sessions.
  std::string SessionPrefix() const { return full_ + "/sessions/"; }

 private:
  explicit RunName(std::string full) : full_(std::move(full)) {}
  std::string full_;
};

/// The resource name of a session, `runs/{run}/sessions/{module}/{base_name}`. Checked and
/// immutable.
class SessionName {
 public:
  /// {module} is 1 to 512 characters of [A-Za-z0-9_.:/-], {base_name} one of the six base names.
  /// INVALID_ARGUMENT, with the reason, for any other name.
  static absl::StatusOr<SessionName> Parse(absl::string_view name);
  static absl::StatusOr<SessionName> Make(const RunName& run, absl::string_view session_id);

  const std::string& full() const { return full_; }
  absl::string_view run() const { return absl::string_view(full_).substr(0, run_size_); }
  absl::string_view module() const {
    return absl::string_view(full_).substr(module_begin_, module_size_);
  }
  /// {module}/{base_name}
  absl::string_view session_id() const { return absl::string_view(full_).substr(module_begin_); }
  BaseName base_name() const { return base_name_; }

 private:
  SessionName() = default;
  std::string full_;
  std::size_t run_size_ = 0;
  std::size_t module_begin_ = 0;
  std::size_t module_size_ = 0;
  BaseName base_name_ = BaseName::kWeight;
};

/// INVALID_ARGUMENT unless `count` names may be asked for in one batch: 1 to 10,000.
absl::Status CheckBatchNames(std::int64_t count);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_NAMES_H_
