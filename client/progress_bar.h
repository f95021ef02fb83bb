#ifndef CALIPERS_CLIENT_PROGRESS_BAR_H_
#define CALIPERS_CLIENT_PROGRESS_BAR_H_

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace calipers::client {

/// Shows how far a transfer is: bytes, rate and time left. On a terminal one
/// line, drawn over; elsewhere nothing until Done's last line. Not thread-safe.
class ProgressBar {
 public:
  enum class Mode { kSilent, kLine, kTerminal };

  /// kTerminal if stderr is one, else kLine.
  static Mode ModeOfStderr();

  /// Writes to `out`; `now` is its clock.
  ProgressBar(Mode mode, std::int64_t total_bytes, std::ostream& out = std::cerr,
              std::function<absl::Time()> now = absl::Now);

  /// So many bytes are through.
  void Update(std::int64_t bytes);
  /// It is over.
  void Done(std::int64_t bytes);

 private:
  std::string Line(std::int64_t bytes) const;

  const Mode mode_;
  const std::int64_t total_bytes_;
  std::ostream& out_;
  const std::function<absl::Time()> now_;
  const absl::Time start_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_PROGRESS_BAR_H_
