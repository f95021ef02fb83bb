#ifndef CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_
#define CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/session/session_table.h"

namespace calipers::server {

/// Which sessions' ranges may stand for that of a session that saw nothing: those whose
/// names differ from its own in nothing but the part of the module behind a given one.
/// Immutable; thread-safe.
class FallbackPeers {
 public:
  /// INVALID_ARGUMENT for more than 16 names, or one that is empty or has a dot or slash.
  static absl::StatusOr<FallbackPeers> Make(std::vector<std::string> behind);

  /// The peers that there are, in the order of their names, `session` not among them.
  std::vector<std::shared_ptr<Session>> Of(const SessionTable& sessions,
                                           const SessionName& session) const;

 private:
  explicit FallbackPeers(std::vector<std::string> behind) : behind_(std::move(behind)) {}
  std::vector<std::string> behind_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_FALLBACK_PEERS_H_
