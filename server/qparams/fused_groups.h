#ifndef CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
#define CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/model/glob.h"
#include "server/model/names.h"

namespace calipers::server {

/// Finds the sessions that share a global scale. The names of their modules differ only in the last
/// part, and these last parts form a group. Immutable; thread-safe.
class FusedGroups {
 public:
  /// A group that a request declares.
  struct Group {
    /// Last parts of the names of modules.
    std::vector<std::string> names;
    /// A glob over the names of modules up to the last part, such as model.layers.1.self_attn. The
    /// group holds only modules there. Empty: everywhere.
    std::string path_glob = {};
  };
  enum class Mode : std::uint8_t { kKnown, kDeclared, kNone };

  /// The groups that llm-compressor fuses: the projections of attention and of the MLP, with the
  /// names that models use for them.
  static const std::vector<std::vector<std::string>>& Known();

  /// INVALID_ARGUMENT for more than 64 groups, a declared group of fewer than two names or more
  /// than 16, a name that is empty, has other characters than [A-Za-z0-9_:-] or
  /// occurs twice in its group, and a glob
  /// that Glob::Make refuses. Where a declared group applies, it replaces the known groups that
  /// share a name with it.
  static absl::StatusOr<FusedGroups> Make(Mode mode, const std::vector<Group>& declared);

  /// The groups that may hold the session. For each, the full names of all members, including the
  /// session. The members need not exist. Only weights are fused.
  std::vector<std::vector<std::string>> GroupsOf(const SessionName& session) const;

 private:
  struct Placed {
    std::vector<std::string> names;
    Glob path;

    bool Has(absl::string_view name) const;
  };
  FusedGroups() = default;

  std::vector<Placed> declared_;
  std::vector<Placed> known_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_FUSED_GROUPS_H_
