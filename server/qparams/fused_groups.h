#ifndef CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
#define CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/model/names.h"

namespace calipers::server {

/// Which sessions share a global scale: those of modules whose names differ in nothing but
/// the last part, where the last parts are a group. Immutable; thread-safe.
class FusedGroups {
 public:
  /// Last parts of modules' names.
  using Group = std::vector<std::string>;
  enum class Mode : std::uint8_t { kKnown, kDeclared, kNone };

  /// The groups that llm-compressor fuses: attention's and the MLP's projections, with the
  /// names that models give them.
  static const std::vector<Group>& Known();

  /// INVALID_ARGUMENT for a declared group of fewer than two names or more than 16, for
  /// more than 64 groups, an empty name or one with a dot or slash, and a name that is in
  /// two of the declared. A declared group takes the place of the known ones that share a
  /// name with it.
  static absl::StatusOr<FusedGroups> Make(Mode mode, const std::vector<Group>& declared);

  /// Full names of the group that the session is in, its own among them, whether there are
  /// such sessions or not; empty if it is in none. Weights alone are fused.
  std::vector<std::string> GroupOf(const SessionName& session) const;

 private:
  FusedGroups() = default;
  void Add(const Group& group);

  std::vector<Group> groups_;
  absl::flat_hash_map<std::string, std::size_t> group_of_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
