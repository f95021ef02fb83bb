#ifndef CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_
#define CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/session/session_table.h"

namespace calipers::server {

/// Finds the peers of a session, whose ranges replace the range of a session without data. The name
/// of a peer differs from the session's name only in one part of the module: the part that follows
/// one of the given parts. Immutable; thread-safe.
class FallbackPeers {
 public:
  /// `behind` are the given parts. INVALID_ARGUMENT for more than 16 names, and for a name that is
  /// empty or has a dot or slash.
  static absl::StatusOr<FallbackPeers> Make(std::vector<std::string> behind);

  /// The existing peers, without `session`, in the order of their names.
  std::vector<std::shared_ptr<Session>> Of(const SessionTable& sessions,
                                           const SessionName& session) const;

 private:
  explicit FallbackPeers(std::vector<std::string> behind) : behind_(std::move(behind)) {}
  std::vector<std::string> behind_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_
