#ifndef CALIPERS_CLIENT_CLI_TERMINAL_PROGRESS_BAR_H_
#define CALIPERS_CLIENT_CLI_TERMINAL_PROGRESS_BAR_H_

#include <cstdint>
#include <functional>
#include <iostream>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace calipers::client {

/// Shows the progress of a transfer: bytes or records, rate and time left. On a terminal it
/// redraws one line; elsewhere it prints only the last line, in Done. Not thread-safe.
class ProgressBar {
 public:
  enum class Mode { kSilent, kLine, kTerminal };

  /// kTerminal if stderr is a terminal, else kLine.
  static Mode ModeOfStderr();

  /// The thing that is counted, and the verb of the last line.
  enum class Unit { kBytesSent, kRecordsRead, kRecordsSent, kSessionsRead };

  /// Writes to `out`; `now` is its clock.
  ProgressBar(Mode mode, Unit unit, std::int64_t total, std::ostream& out = std::cerr,
              std::function<absl::Time()> now = absl::Now);

  /// Sets the progress. Draws at most ten times a second.
  void Update(std::int64_t done);
  /// Sets the final progress and prints the last line.
  void Done(std::int64_t done);

 private:
  std::string Line(std::int64_t done) const;
  std::string Text(double count) const;
  void Draw(std::int64_t done);

  const Mode mode_;
  const Unit unit_;
  const std::int64_t total_;
  std::ostream& out_;
  const std::function<absl::Time()> now_;
  const absl::Time start_;
  absl::Time drawn_ = absl::InfinitePast();
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_TERMINAL_PROGRESS_BAR_H_
