#include "server/rpc/series_handlers.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "server/base/log.h"
#include "server/model/name_filter.h"
#include "server/model/names.h"
#include "server/rpc/proto_convert.h"

namespace calipers::server {
namespace {

// A message is sent when its records have at least this many bytes. A single record may have more.
constexpr std::size_t kMessageBytes = std::size_t{1} << 20;
constexpr int kMessageRecords = 1000;
// The largest answer of a sweep, in bytes. It is below the limits of protobuf and of clients.
constexpr std::int64_t kMaxSweepBytes = std::int64_t{256} << 20;

template <typename Request>
absl::StatusOr<std::optional<std::int64_t>> CountOf(const Request& request) {
  if (!request.has_count()) return std::nullopt;
  if (request.count() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("count is ", request.count(), "; it must be at least 0"));
  }
  return request.count();
}

absl::Status CheckSweepFits(Session& session, int constants) {
  const SessionSnapshot snapshot = session.Snapshot();
  if (!snapshot.qparam_shape) return absl::OkStatus();
  std::int64_t bytes = std::int64_t{constants} * 2 * static_cast<std::int64_t>(sizeof(float));
  for (const std::int64_t dimension : *snapshot.qparam_shape) bytes *= dimension;
  if (bytes <= kMaxSweepBytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(constants, " averaging_constants for qparam shape ",
                   ShapeText(*snapshot.qparam_shape), " take ", bytes, " bytes; at most ",
                   kMaxSweepBytes, " fit into an answer: ask for fewer at once"));
}

}  // namespace

absl::StatusOr<v1::Coverage> GetCoverage(const SessionTable& sessions,
                                         const v1::GetCoverageRequest& request) {
  ASSIGN_OR_RETURN(const NameFilter filter,
                   NameFilter::Make(request.parent(), request.module_glob()));
  v1::Coverage response;
  absl::btree_map<std::string, Tally> workers;
  ForEachSession(sessions, filter, [&](Session& session) {
    const SessionCoverage coverage = session.Coverage();
    if (coverage.total.batches == coverage.empty_batches) {
      response.add_unobserved(session.name().full());
    }
    if (coverage.total.batches == 0) return true;
    *response.add_sessions() = ToProto(session, coverage);
    for (const auto& [worker, tally] : coverage.workers) {
      workers[worker].Add(tally);
    }
    return true;
  });
  for (const auto& [worker, tally] : workers) *response.add_workers() = ToProto(worker, tally);
  return response;
}

absl::StatusOr<v1::Session> SealSession(const SessionTable& sessions,
                                        const v1::SealSessionRequest& request) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> count, CountOf(request));
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(request.name()));
  ASSIGN_OR_RETURN(const std::int64_t sealed, session->Seal(count));
  LogInfo("session sealed", {{"session", session->name().full()}, {"count", absl::StrCat(sealed)}});
  return ToProto(*session);
}

absl::StatusOr<v1::SealRunResponse> SealRun(const SessionTable& sessions,
                                            const v1::SealRunRequest& request) {
  ASSIGN_OR_RETURN(const std::optional<std::int64_t> count, CountOf(request));
  ASSIGN_OR_RETURN(const RunName run, RunName::Parse(request.name()));
  ASSIGN_OR_RETURN(const NameFilter filter, NameFilter::Make(run.full(), request.module_glob()));
  v1::SealRunResponse response;
  ForEachPage(sessions, filter, [&](absl::Span<const std::shared_ptr<Session>> page) {
    const auto sealed = Session::SealAll(page, count);
    for (std::size_t i = 0; i < page.size(); ++i) {
      v1::SealRunResponse::Result& result = *response.add_results();
      result.set_session(page[i]->name().full());
      if (sealed[i].ok()) {
        result.set_sealed_count(*sealed[i]);
      } else {
        *result.mutable_status() = ToProto(sealed[i].status());
      }
    }
    return true;
  });
  if (response.results().empty()) {
    return absl::NotFoundError(absl::StrCat(
        run.full(), " has no session",
        request.module_glob().empty() ? "" : " that module_glob matches", ": nothing was sealed"));
  }
  LogInfo("run sealed", {{"run", run.full()}, {"sessions", absl::StrCat(response.results_size())}});
  return response;
}

absl::StatusOr<v1::SweepMinMaxResponse> SweepMinMax(const SessionTable& sessions,
                                                    const v1::SweepMinMaxRequest& request) {
  ASSIGN_OR_RETURN(const std::vector<IndexRange> exclude, ExcludeFromProto(request.exclude()));
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(request.name()));
  RETURN_IF_ERROR(CheckSweepFits(*session, request.averaging_constants_size()));
  const std::vector<double> constants(request.averaging_constants().begin(),
                                      request.averaging_constants().end());
  ASSIGN_OR_RETURN(const SweepAnswer answer, session->Sweep(constants, exclude));
  return ToProto(constants, answer);
}

absl::Status ReadSeries(const SessionTable& sessions, const v1::ReadSeriesRequest& request,
                        const std::function<bool(const v1::ReadSeriesResponse&)>& send,
                        const std::function<absl::Status()>& interrupted) {
  if (request.start_index() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("start_index is ", request.start_index(), "; it must be at least 0"));
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<Session> session, sessions.Find(request.name()));
  ASSIGN_OR_RETURN(const std::unique_ptr<SeriesReader> reader,
                   session->ReadSeries(request.start_index()));
  v1::ReadSeriesResponse response;
  std::size_t bytes = 0;
  const auto flush = [&] {
    const bool heard = response.records().empty() || send(response);
    response.Clear();
    bytes = 0;
    return heard ? absl::OkStatus() : absl::CancelledError("the caller is gone");
  };
  SeriesReader::Entry entry;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader->Next(entry));
    if (!more) return flush();
    ToProto(session->name().full(), entry, *response.add_records());
    bytes += entry.observed->record.heap_bytes() + session->name().full().size();
    if (bytes < kMessageBytes && response.records_size() < kMessageRecords) continue;
    RETURN_IF_ERROR(flush());
    RETURN_IF_ERROR(interrupted());
  }
}

}  // namespace calipers::server
