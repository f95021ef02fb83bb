#include "client/library/client.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/library/await_connection.h"
#include "client/library/server_address.h"
#include "core/mutex_settings.h"  // IWYU pragma: keep
#include "core/status_macros.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace calipers::client {
namespace {

constexpr std::size_t kNamesACall = 1000;
constexpr int kPageSize = 1000;

// gRPC's own limit for an attempt to connect.
constexpr absl::Duration kLongestConnect = absl::Seconds(20);
// The longest pause between attempts. With gRPC's default of two minutes, a restarted server could
// remain unnoticed for that long.
constexpr absl::Duration kLongestPause = absl::Seconds(5);

using Results = std::vector<v1::BatchGetMinMaxResponse::Result>;

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(std::clamp<std::int64_t>(absl::ToInt64Milliseconds(duration), 1,
                                                   std::numeric_limits<int>::max()));
}

grpc::ChannelArguments Arguments(const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  // A stream has no deadline. Without keepalive, a stopped or unreachable server would block it
  // forever.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(options.keepalive_time));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(options.timeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  // No limit for pings without data between them: a watch may send nothing for days.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // By its name, this argument limits the pause between attempts. It also limits each attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   Milliseconds(std::min(options.timeout, kLongestConnect)));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, Milliseconds(kLongestPause));
  // Answers of large sessions are larger than gRPC's default of 4 MiB.
  arguments.SetMaxReceiveMessageSize(-1);
  // Without this, channels with equal arguments would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return arguments;
}

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target,
                                           const ClientOptions& options) {
  grpc::ChannelArguments arguments = Arguments(options);
  if (IsLoopback(target)) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

// True if the answer had no room for this result. The server fills an answer up to a size limit and
// leaves the rest for another call.
template <typename Result>
bool LeftOut(const Result& result) {
  return result.status().code() == static_cast<int>(absl::StatusCode::kResourceExhausted);
}

}  // namespace

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& target,
                                                        const ClientOptions& options) {
  RETURN_IF_ERROR(CheckServerAddress(target));
  std::shared_ptr<grpc::Channel> channel = MakeChannel(target, options);
  RETURN_IF_ERROR(AwaitConnection(channel, target, options.timeout));
  auto client = std::make_unique<Client>(std::move(channel), options);
  client->target_ = target;
  return client;
}

Client::Client(std::shared_ptr<grpc::Channel> channel, const ClientOptions& options)
    : options_(options), channel_(std::move(channel)), stub_(v1::Calibration::NewStub(channel_)) {}

std::shared_ptr<grpc::Channel> Client::NewChannel() const {
  return target_.empty() ? channel_ : MakeChannel(target_, options_);
}

std::unique_ptr<grpc::ClientContext> Client::NewContext() const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
  return context;
}

absl::StatusOr<v1::Session> Client::CreateSession(const v1::CreateSessionRequest& request) const {
  v1::Session session;
  RETURN_IF_ERROR(FromGrpc(stub_->CreateSession(NewContext().get(), request, &session)));
  return session;
}

absl::StatusOr<v1::Session> Client::GetSession(const std::string& name) const {
  v1::GetSessionRequest request;
  request.set_name(name);
  v1::Session session;
  RETURN_IF_ERROR(FromGrpc(stub_->GetSession(NewContext().get(), request, &session)));
  return session;
}

absl::StatusOr<std::vector<v1::Session>> Client::ListSessions(
    const std::string& parent, const std::string& module_glob) const {
  v1::ListSessionsRequest request;
  request.set_parent(parent);
  request.set_module_glob(module_glob);
  request.set_page_size(kPageSize);
  std::vector<v1::Session> sessions;
  do {
    v1::ListSessionsResponse page;
    RETURN_IF_ERROR(FromGrpc(stub_->ListSessions(NewContext().get(), request, &page)));
    std::move(page.mutable_sessions()->begin(), page.mutable_sessions()->end(),
              std::back_inserter(sessions));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return sessions;
}

absl::StatusOr<v1::Session> Client::ResetSession(const std::string& name) const {
  v1::ResetSessionRequest request;
  request.set_name(name);
  v1::Session session;
  RETURN_IF_ERROR(FromGrpc(stub_->ResetSession(NewContext().get(), request, &session)));
  return session;
}

absl::Status Client::DeleteSession(const std::string& name) const {
  v1::DeleteSessionRequest request;
  request.set_name(name);
  google::protobuf::Empty nothing;
  return FromGrpc(stub_->DeleteSession(NewContext().get(), request, &nothing));
}

absl::Status Client::DeleteRun(const std::string& name) const {
  v1::DeleteRunRequest request;
  request.set_name(name);
  google::protobuf::Empty nothing;
  return FromGrpc(stub_->DeleteRun(NewContext().get(), request, &nothing));
}

absl::StatusOr<v1::MinMax> Client::GetMinMax(const std::string& name,
                                             std::int64_t wait_count) const {
  v1::GetMinMaxRequest request;
  request.set_name(name);
  request.set_wait_count(wait_count);
  v1::MinMax answer;
  RETURN_IF_ERROR(FromGrpc(stub_->GetMinMax(NewContext().get(), request, &answer)));
  return answer;
}

absl::StatusOr<Results> Client::BatchGetMinMax(const std::string& parent,
                                               const std::vector<std::string>& names,
                                               std::int64_t wait_count,
                                               const std::vector<std::string>& members,
                                               const std::optional<v1::FoldOptions>& fold) const {
  v1::BatchGetMinMaxRequest request;
  if (fold) *request.mutable_fold() = *fold;
  request.set_parent(parent);
  request.set_wait_count(wait_count);
  for (const std::string& member : members) request.mutable_read_mask()->add_paths(member);
  Results results(names.size());
  std::vector<std::size_t> open(names.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  while (!open.empty()) {
    std::vector<std::size_t> left_out;
    for (std::size_t begin = 0; begin < open.size(); begin += kNamesACall) {
      const auto batch = absl::MakeConstSpan(open).subspan(begin, kNamesACall);
      RETURN_IF_ERROR(GetBatch(request, names, batch, results));
      std::copy_if(batch.begin(), batch.end(), std::back_inserter(left_out),
                   [&results](std::size_t i) { return LeftOut(results[i]); });
    }
    // If this round answered no name, another round would not either.
    if (left_out.size() == open.size()) break;
    open = std::move(left_out);
  }
  return results;
}

absl::Status Client::GetBatch(v1::BatchGetMinMaxRequest& request,
                              const std::vector<std::string>& names,
                              absl::Span<const std::size_t> which, Results& results) const {
  request.clear_names();
  for (const std::size_t i : which) request.add_names(names[i]);
  v1::BatchGetMinMaxResponse response;
  RETURN_IF_ERROR(FromGrpc(stub_->BatchGetMinMax(NewContext().get(), request, &response)));
  if (response.results_size() != request.names_size()) {
    return absl::InternalError(absl::StrCat("the server gave ", response.results_size(),
                                            " results for ", request.names_size(), " names"));
  }
  for (std::size_t i = 0; i < which.size(); ++i) {
    results[which[i]] = std::move(*response.mutable_results(static_cast<int>(i)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<v1::QParamsResult>> Client::BatchGetQParams(
    v1::BatchGetQParamsRequest request, const std::vector<std::string>& names) const {
  const auto specs = static_cast<std::size_t>(std::max(request.specs_size(), 1));
  std::vector<v1::QParamsResult> results(names.size() * specs);
  // Each call asks for the names from `begin` on. If the answer has no room for a session, the next
  // call begins with that session. If it is the first session of a call, no answer has room for it,
  // and it keeps this result.
  for (std::size_t begin = 0; begin < names.size();) {
    const std::size_t end = std::min(begin + kNamesACall, names.size());
    request.mutable_names()->Assign(names.begin() + static_cast<std::ptrdiff_t>(begin),
                                    names.begin() + static_cast<std::ptrdiff_t>(end));
    v1::BatchGetQParamsResponse response;
    RETURN_IF_ERROR(FromGrpc(stub_->BatchGetQParams(NewContext().get(), request, &response)));
    if (static_cast<std::size_t>(response.results_size()) != (end - begin) * specs) {
      return absl::InternalError(absl::StrCat("the server gave ", response.results_size(),
                                              " results for ", end - begin, " names"));
    }
    const std::size_t first = begin;
    for (; begin < end; ++begin) {
      const auto session = response.mutable_results()->begin() +
                           static_cast<std::ptrdiff_t>((begin - first) * specs);
      const auto end_of_session = session + static_cast<std::ptrdiff_t>(specs);
      if (begin > first && std::any_of(session, end_of_session, LeftOut<v1::QParamsResult>)) break;
      std::move(session, end_of_session,
                results.begin() + static_cast<std::ptrdiff_t>(begin * specs));
    }
  }
  return results;
}

absl::StatusOr<v1::SweepMinMaxResponse> Client::SweepMinMax(
    const v1::SweepMinMaxRequest& request) const {
  v1::SweepMinMaxResponse response;
  RETURN_IF_ERROR(FromGrpc(stub_->SweepMinMax(NewContext().get(), request, &response)));
  return response;
}

absl::StatusOr<std::vector<v1::SealRunResponse::Result>> Client::SealRun(
    const std::string& name, const std::string& module_glob,
    std::optional<std::int64_t> count) const {
  v1::SealRunRequest request;
  request.set_name(name);
  request.set_module_glob(module_glob);
  if (count) request.set_count(*count);
  v1::SealRunResponse response;
  RETURN_IF_ERROR(FromGrpc(stub_->SealRun(NewContext().get(), request, &response)));
  return std::vector<v1::SealRunResponse::Result>(
      std::make_move_iterator(response.mutable_results()->begin()),
      std::make_move_iterator(response.mutable_results()->end()));
}

absl::Status Client::SealSession(const std::string& name, std::int64_t count) const {
  v1::SealSessionRequest request;
  request.set_name(name);
  request.set_count(count);
  v1::Session session;
  return FromGrpc(stub_->SealSession(NewContext().get(), request, &session));
}

absl::Status Client::ReadSeries(
    const std::string& name,
    const std::function<absl::Status(const v1::SeriesRecord&)>& visit) const {
  v1::ReadSeriesRequest request;
  request.set_name(name);
  grpc::ClientContext context;
  const auto reader = stub_->ReadSeries(&context, request);
  v1::ReadSeriesResponse response;
  while (reader->Read(&response)) {
    for (const v1::SeriesRecord& record : response.records()) {
      absl::Status status = visit(record);
      if (status.ok()) continue;
      context.TryCancel();
      reader->Finish();
      return status;
    }
  }
  return FromGrpc(reader->Finish());
}

absl::StatusOr<v1::Backup> Client::CreateBackup(const std::string& id) const {
  v1::CreateBackupRequest request;
  request.set_backup_id(id);
  v1::Backup backup;
  RETURN_IF_ERROR(FromGrpc(stub_->CreateBackup(NewContext().get(), request, &backup)));
  return backup;
}

absl::StatusOr<v1::Coverage> Client::GetCoverage(const std::string& parent,
                                                 const std::string& module_glob) const {
  v1::GetCoverageRequest request;
  request.set_parent(parent);
  request.set_module_glob(module_glob);
  v1::Coverage coverage;
  RETURN_IF_ERROR(FromGrpc(stub_->GetCoverage(NewContext().get(), request, &coverage)));
  return coverage;
}

absl::Status Client::WatchSessions(
    const std::string& parent, const std::string& module_glob,
    const std::function<bool(const v1::SessionEvent&)>& visit) const {
  v1::WatchSessionsRequest request;
  request.set_parent(parent);
  request.set_module_glob(module_glob);
  grpc::ClientContext context;
  const auto reader = stub_->WatchSessions(&context, request);
  v1::SessionEvent event;
  while (reader->Read(&event)) {
    if (visit(event)) continue;
    context.TryCancel();
    reader->Finish();
    return absl::OkStatus();
  }
  return FromGrpc(reader->Finish());
}

absl::Status Client::Ping() const {
  const auto stub = grpc::health::v1::Health::NewStub(channel_);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("calipers.v1.Calibration");
  grpc::health::v1::HealthCheckResponse response;
  RETURN_IF_ERROR(FromGrpc(stub->Check(NewContext().get(), request, &response)));
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError("the server is up and not serving: it is starting or stopping");
  }
  return absl::OkStatus();
}

}  // namespace calipers::client
