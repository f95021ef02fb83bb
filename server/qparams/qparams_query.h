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

/// Selects how a tensor is quantized: by args, by a scheme (which has args by base name), or by the
/// session's own args.
struct QParamsSpec {
  struct Own {};
  std::variant<Own, QuantizationArgs, QuantizationScheme> by;

  /// nullopt if the scheme does not quantize tensors of this base name.
  std::optional<QuantizationArgs> ArgsFor(const Session& session) const;
};

/// A request for qparams. calipers.v1.GetQParamsRequest describes the fields.
struct QParamsRequest {
  /// Each spec, or the reason why it is invalid.
  std::vector<absl::StatusOr<QParamsSpec>> specs;
  FusedGroups fusion;
  FallbackPeers peers;
  std::vector<IndexRange> exclude;
};

/// The qparams of a session. calipers.v1.QParams describes the fields.
struct QParamsAnswer {
  /// The args, with the observer and the averaging constant of the requested fold. nullopt if the
  /// session's tensors are not quantized; then the answer has nothing else.
  std::optional<QuantizationArgs> args;
  QParams qparams;
  StoredQParams stored = StoredQParams::kAll;
  std::vector<std::string> fused_sessions;
  std::vector<std::string> absent_sessions;
  std::vector<std::string> fallback_sessions;
  Progress progress;
};

/// Answers a request for one session after another. Not thread-safe.
class QParamsQuery {
 public:
  /// `sessions` must outlive this object. `wait` is called before a session's records are read.
  QParamsQuery(const SessionTable* sessions, QParamsRequest request,
               std::function<absl::Status(Session&)> wait)
      : sessions_(*sessions), request_(std::move(request)), wait_(std::move(wait)) {}

  const QParamsRequest& request() const { return request_; }

  /// Answers for the spec at `i`. FAILED_PRECONDITION, with the reason, in three cases. The
  /// session, or a member of its group, has no data, and none of its peers has. The session's
  /// strategy cannot give the strategy of the spec; the message says which strategies can. The
  /// range gives no scale (core/qparams/qparams.h).
  absl::StatusOr<QParamsAnswer> Answer(Session& session, std::size_t i);

 private:
  // The range of a session for some args.
  struct Range {
    ElementRange range;
    std::vector<std::int64_t> shape;
    ElementRange global;
    Dtype observed_dtype = Dtype::kF32;
    Progress progress;
    // The peers whose range this is; empty if it is the session's own.
    std::vector<std::string> fallback_sessions;
  };

  static absl::StatusOr<QParams> Derive(const Session& session, const Range& range,
                                        const QuantizationArgs& args);
  absl::StatusOr<Range> RangeOf(Session& session, const QuantizationArgs& args);
  absl::StatusOr<Range> OwnRangeOf(Session& session, const QuantizationArgs& args);
  absl::StatusOr<Range> RangeOfPeers(const Session& session, const QuantizationArgs& args);
  // The members of a fused group. `sessions` are the members that exist; `absent` has the names of
  // all other members.
  struct Members {
    std::vector<std::shared_ptr<Session>> sessions;
    std::vector<std::string> absent;
  };
  Members MembersOf(const std::vector<std::string>& names) const;
  // The members of the session's group. The only sessions are the session itself and those that
  // share its global scale.
  absl::StatusOr<Members> FusedWith(const Session& session) const;
  // FAILED_PRECONDITION if the module of an absent session exists, so that the session is only
  // missing yet.
  absl::Status CheckNoModule(const Session& session, const std::string& absent) const;
  // Widens range.global to the global ranges of all members, and adds their names to the answer.
  absl::Status Fuse(const Session& session, std::size_t spec, const QuantizationArgs& args,
                    Range& range, QParamsAnswer& answer);
  absl::StatusOr<ElementRange> GlobalOf(Session& member, std::size_t spec,
                                        const QuantizationArgs& args, QParamsAnswer& answer);

  const SessionTable& sessions_;
  const QParamsRequest request_;
  const std::function<absl::Status(Session&)> wait_;
  // The global ranges of members of groups, by name and spec. In a batch, each member needs the
  // ranges of all others, and these must be the same for all.
  struct Global {
    ElementRange range;
    std::vector<std::string> fallback_sessions;
  };
  std::map<std::pair<std::string, std::size_t>, Global> globals_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_QPARAMS_QPARAMS_QUERY_H_
