#include "server/rpc/minmax_handlers.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "server/model/names.h"
#include "server/rpc/proto_convert.h"

namespace calipers::server {
namespace {

// The answer to a batch stays below the limits of protobuf and of clients.
constexpr std::size_t kMaxBatchBytes = std::size_t{256} << 20;

// One question about a session: the parts of both requests that are not names.
struct Question {
  std::int64_t wait_count = 0;
  const google::protobuf::FieldMask& read_mask;
  std::optional<FoldRequest> fold;  // nullopt: the session's own
};

template <typename Request>
absl::StatusOr<Question> QuestionOf(const Request& request) {
  Question question{request.wait_count(), request.read_mask(), std::nullopt};
  if (request.has_fold()) {
    ASSIGN_OR_RETURN(question.fold, FromProto(request.fold()));
  }
  return question;
}

absl::StatusOr<v1::MinMax> Answer(const SessionTable& sessions, FoldCache& folds,
                                  absl::string_view name, const Question& question,
                                  const WaitForRecords& wait) {
  RETURN_IF_ERROR(CheckReadMask(question.read_mask));
  if (question.wait_count < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("wait_count is ", question.wait_count, "; it must be at least 0"));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(name));
  RETURN_IF_ERROR(wait(*session, question.wait_count));
  ASSIGN_OR_RETURN(const MinMaxAnswer answer,
                   question.fold ? session->GetMinMax(*question.fold) : session->GetMinMax());
  if (!question.fold) folds.Used(session);
  return ToProto(*session, answer, question.read_mask);
}

}  // namespace

absl::StatusOr<v1::MinMax> GetMinMax(const SessionTable& sessions, FoldCache& folds,
                                     const v1::GetMinMaxRequest& request,
                                     const WaitForRecords& wait) {
  ASSIGN_OR_RETURN(const Question question, QuestionOf(request));
  return Answer(sessions, folds, request.name(), question, wait);
}

absl::StatusOr<v1::BatchGetMinMaxResponse> BatchGetMinMax(const SessionTable& sessions,
                                                          FoldCache& folds,
                                                          const v1::BatchGetMinMaxRequest& request,
                                                          const WaitForRecords& wait) {
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.parent()));
  RETURN_IF_ERROR(CheckBatchNames(request.names_size()));
  ASSIGN_OR_RETURN(const Question question, QuestionOf(request));
  v1::BatchGetMinMaxResponse response;
  std::size_t bytes = 0;
  for (const std::string& name : request.names()) {
    v1::BatchGetMinMaxResponse::Result& result = *response.add_results();
    absl::StatusOr<v1::MinMax> min_max =
        !absl::StartsWith(name, run.SessionPrefix())
            ? absl::InvalidArgumentError(
                  absl::StrCat("session ", name.substr(0, 700), " is not in ", run.full()))
        : bytes > kMaxBatchBytes ? absl::ResourceExhaustedError(absl::StrCat(
                                       "the sessions before this one fill the answer, ", bytes,
                                       " bytes: ask for fewer at once, or give a read_mask"))
                                 : Answer(sessions, folds, name, question, wait);
    if (min_max.ok()) {
      bytes += min_max->ByteSizeLong();
      *result.mutable_min_max() = *std::move(min_max);
    } else {
      *result.mutable_status() = ToProto(min_max.status());
    }
  }
  return response;
}

}  // namespace calipers::server
