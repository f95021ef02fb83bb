#ifndef CALIPERS_CLIENT_CLI_COMMANDS_REFUSALS_H_
#define CALIPERS_CLIENT_CLI_COMMANDS_REFUSALS_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "calipers/v1/observation.pb.h"

namespace calipers::client {

/// Collects refused observations and sessions: counts all, and keeps the first few messages
/// for the user. Thread-safe.
class Refusals {
 public:
  /// Adds an observation that was in conflict or rejected.
  void Add(const v1::ObservationHeader& header, const v1::ObservationAck& ack)
      ABSL_LOCKS_EXCLUDED(mu_);
  /// Adds a message about a session or a record.
  void Add(std::string text) ABSL_LOCKS_EXCLUDED(mu_);

  std::size_t count() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> first() const ABSL_LOCKS_EXCLUDED(mu_);

  /// Prints the first messages, one on a line, and the number of further refusals.
  void Print(std::ostream& out) const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  std::size_t count_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::string> first_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_COMMANDS_REFUSALS_H_
