#ifndef CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
#define CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/model/names.h"

namespace calipers::server {

/// Finds the sessions that share a global scale. The names of their modules differ only in the last
/// part, and these last parts form a group. Immutable; thread-safe.
class FusedGroups {
 public:
  /// Last parts of the names of modules.
  using Group = std::vector<std::string>;
  enum class Mode : std::uint8_t { kKnown, kDeclared, kNone };

  /// The groups that llm-compressor fuses: the projections of attention and of the MLP, with the
  /// names that models use for them.
  static const std::vector<Group>& Known();

  /// INVALID_ARGUMENT for more than 64 groups, a declared group of fewer than two names or more
  /// than 16, a name that is empty or has a dot or slash, and a name that occurs twice. A declared
  /// group replaces the known groups that share a name with it.
  static absl::StatusOr<FusedGroups> Make(Mode mode, const std::vector<Group>& declared);

  /// The full names of all members of the session's group, including the session. The members need
  /// not exist. Empty if the session is in no group. Only weights are fused.
  std::vector<std::string> GroupOf(const SessionName& session) const;

 private:
  FusedGroups() = default;
  void Add(const Group& group);

  std::vector<Group> groups_;
  absl::flat_hash_map<std::string, std::size_t> group_of_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
