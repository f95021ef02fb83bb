#include "server/qparams_calls.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/convert.h"
#include "server/convert_qparams.h"
#include "server/names.h"
#include "server/qparams_query.h"

namespace calipers::server {
namespace {

constexpr int kMaxBatchNames = 10'000;
// An answer takes no more sessions once it has as much: protobuf's own limit is 2 GiB.
constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;

template <typename Request>
absl::StatusOr<QParamsQuery> QueryOf(const SessionTable& sessions, const Request& request,
                                     const WaitForRecords& wait) {
  if (request.wait_count() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("wait_count is ", request.wait_count(), "; it may not be negative"));
  }
  ASSIGN_OR_RETURN(QParamsRequest parsed, FromProto(request));
  return QParamsQuery(&sessions, std::move(parsed),
                      [&wait, count = request.wait_count()](Session& session) {
                        return wait(session, count);
                      });
}

v1::QParamsResult ResultOf(QParamsQuery& query, Session& session, std::size_t spec) {
  v1::QParamsResult result;
  const absl::StatusOr<QParamsAnswer> answer = query.Answer(session, spec);
  if (answer.ok()) {
    *result.mutable_qparams() = ToProto(session, *answer);
  } else {
    *result.mutable_status() = ToProto(answer.status());
  }
  return result;
}

absl::StatusOr<std::shared_ptr<Session>> FindIn(const SessionTable& sessions, const RunName& run,
                                                const std::string& name) {
  if (absl::StartsWith(name, run.SessionPrefix())) return sessions.Find(name);
  return absl::InvalidArgumentError(
      absl::StrCat("session ", name.substr(0, 700), " is not in ", run.full()));
}

}  // namespace

absl::StatusOr<v1::GetQParamsResponse> GetQParams(const SessionTable& sessions,
                                                  const v1::GetQParamsRequest& request,
                                                  const WaitForRecords& wait) {
  ASSIGN_OR_RETURN(QParamsQuery query, QueryOf(sessions, request, wait));
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(request.name()));
  v1::GetQParamsResponse response;
  for (std::size_t spec = 0; spec < query.request().specs.size(); ++spec) {
    *response.add_results() = ResultOf(query, *session, spec);
  }
  return response;
}

absl::StatusOr<v1::BatchGetQParamsResponse> BatchGetQParams(
    const SessionTable& sessions, const v1::BatchGetQParamsRequest& request,
    const WaitForRecords& wait) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.parent()));
  if (request.names().empty() || request.names_size() > kMaxBatchNames) {
    return absl::InvalidArgumentError(absl::StrCat(
        "names has ", request.names_size(), " entries; 1 to ", kMaxBatchNames, " are allowed"));
  }
  ASSIGN_OR_RETURN(QParamsQuery query, QueryOf(sessions, request, wait));
  v1::BatchGetQParamsResponse response;
  std::size_t bytes = 0;
  for (const std::string& name : request.names()) {
    const absl::StatusOr<std::shared_ptr<Session>> session =
        bytes > kMaxBatchBytes
            ? absl::ResourceExhaustedError(
                  absl::StrCat("the sessions before this one fill the answer, ", bytes,
                               " bytes: ask for fewer at once"))
            : FindIn(sessions, run, name);
    for (std::size_t spec = 0; spec < query.request().specs.size(); ++spec) {
      v1::QParamsResult& result = *response.add_results();
      if (session.ok()) {
        result = ResultOf(query, **session, spec);
        bytes += result.ByteSizeLong();
      } else {
        *result.mutable_status() = ToProto(session.status());
      }
    }
  }
  return response;
}

}  // namespace calipers::server
