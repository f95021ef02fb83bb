#ifndef CALIPERS_SERVER_QPARAMS_QPARAMS_QUERY_H_
#define CALIPERS_SERVER_QPARAMS_QPARAMS_QUERY_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/args/preset_schemes.h"
#include "core/args/quantization_args.h"
#include "core/fold/observer.h"
#include "core/qparams/qparams.h"
#include "server/model/index_set.h"
#include "server/qparams/fallback_peers.h"
#include "server/qparams/fused_groups.h"
#include "server/session/session_table.h"

namespace calipers::server {

/// What a tensor is to be quantized to: args, or a scheme, which has args by base name, or
/// the session's own args.
struct QParamsSpec {
  struct Own {};
  std::variant<Own, QuantizationArgs, QuantizationScheme> by;

  /// None if the scheme leaves tensors of this base name as they are.
  std::optional<QuantizationArgs> ArgsFor(const Session& session) const;
};

/// calipers.v1.GetQParamsRequest has the words.
struct QParamsRequest {
  /// Each as it was understood, or why not.
  std::vector<absl::StatusOr<QParamsSpec>> specs;
  FusedGroups fusion;
  FallbackPeers peers;
  std::vector<IndexRange> exclude;
};

/// calipers.v1.QParams has the words.
struct QParamsAnswer {
  /// With the observer and the constant of the fold that was asked. None, and nothing else,
  /// if the session's tensors stay as they are.
  std::optional<QuantizationArgs> args;
  QParams qparams;
  StoredQParams stored = StoredQParams::kAll;
  std::vector<std::string> fused_sessions;
  std::vector<std::string> fallback_sessions;
  Progress progress;
};

/// Answers a request for one session after another. Not thread-safe.
class QParamsQuery {
 public:
  /// `sessions` outlives it. `wait` is called before a session's records are read.
  QParamsQuery(const SessionTable* sessions, QParamsRequest request,
               std::function<absl::Status(Session&)> wait)
      : sessions_(*sessions), request_(std::move(request)), wait_(std::move(wait)) {}

  const QParamsRequest& request() const { return request_; }

  /// For the spec at `i`. FAILED_PRECONDITION, with the reason, if the session, or a member of
  /// its group, saw nothing and has no peers to stand for it; if its strategy cannot give
  /// that of the spec, saying which could; if it has no scale (core/qparams/qparams.h).
  absl::StatusOr<QParamsAnswer> Answer(Session& session, std::size_t i);

 private:
  // A session's range under some args.
  struct Range {
    ElementRange range;
    std::vector<std::int64_t> shape;
    ElementRange global;
    Dtype observed_dtype = Dtype::kF32;
    Progress progress;
    // Whose range it is, if it is not the session's own.
    std::vector<std::string> fallback_sessions;
  };

  static absl::StatusOr<QParams> Derive(const Session& session, const Range& range,
                                        const QuantizationArgs& args);
  absl::StatusOr<Range> RangeOf(Session& session, const QuantizationArgs& args);
  absl::StatusOr<Range> OwnRangeOf(Session& session, const QuantizationArgs& args);
  absl::StatusOr<Range> RangeOfPeers(const Session& session, const QuantizationArgs& args);
  // The session and those that it shares a global scale with; empty if there are none.
  absl::StatusOr<std::vector<std::shared_ptr<Session>>> FusedWith(const Session& session) const;
  // Widens range.global to all members', and notes who they are.
  absl::Status Fuse(const Session& session, std::size_t spec, const QuantizationArgs& args,
                    Range& range, QParamsAnswer& answer);
  absl::StatusOr<ElementRange> GlobalOf(Session& member, std::size_t spec,
                                        const QuantizationArgs& args, QParamsAnswer& answer);

  const SessionTable& sessions_;
  const QParamsRequest request_;
  const std::function<absl::Status(Session&)> wait_;
  // Of members of groups, by name and spec: in a batch each is asked for by all others, and
  // has to be the same for them.
  struct Global {
    ElementRange range;
    std::vector<std::string> fallback_sessions;
  };
  std::map<std::pair<std::string, std::size_t>, Global> globals_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_QPARAMS_QUERY_H_
