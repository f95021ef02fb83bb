#include "server/rpc/qparams_handlers.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/model/names.h"
#include "server/qparams/qparams_query.h"
#include "server/rpc/proto_convert.h"
#include "server/rpc/proto_convert_qparams.h"

namespace calipers::server {
namespace {

template <typename Request>
absl::StatusOr<QParamsQuery> QueryOf(const SessionTable& sessions, const Request& request,
                                     const WaitForRecords& wait) {
  if (request.wait_count() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("wait_count is ", request.wait_count(), "; it must be at least 0"));
  }
  ASSIGN_OR_RETURN(QParamsRequest parsed, FromProto(request));
  return QParamsQuery(
      &sessions, std::move(parsed),
      [&wait, count = request.wait_count()](Session& session) { return wait(session, count); });
}

absl::StatusOr<QParamsAnswer> AnswerOf(QParamsQuery& query,
                                       const absl::StatusOr<std::shared_ptr<Session>>& session,
                                       std::size_t spec) {
  RETURN_IF_ERROR(session.status());
  return query.Answer(**session, spec);
}

// Collects results until the answer is full.
template <typename Response>
class Results {
 public:
  explicit Results(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // Adds one result for each spec.
  void AddAll(QParamsQuery& query, const absl::StatusOr<std::shared_ptr<Session>>& session) {
    for (std::size_t spec = 0; spec < query.request().specs.size(); ++spec) {
      v1::QParamsResult& result = *response_.add_results();
      const absl::StatusOr<QParamsAnswer> answer =
          bytes_ < max_bytes_ ? AnswerOf(query, session, spec) : Full();
      if (answer.ok()) {
        *result.mutable_qparams() = ToProto(**session, *answer);
      } else {
        *result.mutable_status() = ToProto(answer.status());
      }
      bytes_ += result.ByteSizeLong();
    }
  }
  Response Release() && { return std::move(response_); }

 private:
  absl::Status Full() const {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the results before this one fill the answer, ", bytes_, " bytes: ask for fewer at once"));
  }

  const std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  Response response_;
};

absl::StatusOr<std::shared_ptr<Session>> FindIn(const SessionTable& sessions, const RunName& run,
                                                const std::string& name) {
  if (absl::StartsWith(name, run.SessionPrefix())) return sessions.Find(name);
  return absl::InvalidArgumentError(
      absl::StrCat("session ", name.substr(0, 700), " is not in ", run.full()));
}

}  // namespace

absl::StatusOr<v1::GetQParamsResponse> GetQParams(const SessionTable& sessions,
                                                  const v1::GetQParamsRequest& request,
                                                  const WaitForRecords& wait,
                                                  std::size_t max_bytes) {
  ASSIGN_OR_RETURN(QParamsQuery query, QueryOf(sessions, request, wait));
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(request.name()));
  Results<v1::GetQParamsResponse> results(max_bytes);
  results.AddAll(query, session);
  return std::move(results).Release();
}

absl::StatusOr<v1::BatchGetQParamsResponse> BatchGetQParams(
    const SessionTable& sessions, const v1::BatchGetQParamsRequest& request,
    const WaitForRecords& wait, std::size_t max_bytes) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.parent()));
  RETURN_IF_ERROR(CheckBatchNames(request.names_size()));
  ASSIGN_OR_RETURN(QParamsQuery query, QueryOf(sessions, request, wait));
  Results<v1::BatchGetQParamsResponse> results(max_bytes);
  for (const std::string& name : request.names()) {
    results.AddAll(query, FindIn(sessions, run, name));
  }
  return std::move(results).Release();
}

}  // namespace calipers::server
