#include "client/formats/merge_runs.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/formats/record_from_proto.h"
#include "core/status_macros.h"
#include "google/protobuf/util/message_differencer.h"

namespace calipers::client {
namespace {

using google::protobuf::util::MessageDifferencer;

// The members of a session that are fixed at its creation.
v1::Session SpecOf(v1::Session session) {
  session.clear_create_time();
  session.clear_qparam_shape();
  session.clear_observed_dtype();
  session.clear_sealed_count();
  return session;
}

// The reason why both cannot be one session, apart from their qparam shapes; empty if they can.
std::string Difference(const v1::Session& first, const v1::Session& other) {
  if (!MessageDifferencer::Equals(SpecOf(first), SpecOf(other))) return "another spec";
  if (!first.observed_dtype().empty() && !other.observed_dtype().empty() &&
      first.observed_dtype() != other.observed_dtype()) {
    return "records of another dtype";
  }
  if (first.has_sealed_count() && other.has_sealed_count() &&
      first.sealed_count() != other.sealed_count()) {
    return "a seal at another count";
  }
  return "";
}

// Adds to `session` the dtype and the seal of `other`.
void Complete(v1::Session& session, const v1::Session& other) {
  if (session.observed_dtype().empty()) session.set_observed_dtype(other.observed_dtype());
  if (other.has_sealed_count()) session.set_sealed_count(other.sealed_count());
}

bool SameStatistics(const v1::ReducedObservation& x, const v1::ReducedObservation& y) {
  return std::equal(x.statistics().begin(), x.statistics().end(), y.statistics().begin(),
                    y.statistics().end(), [](const v1::Statistic& a, const v1::Statistic& b) {
                      return a.name() == b.name() && a.value() == b.value();
                    });
}

bool Same(const v1::SeriesRecord& a, const v1::SeriesRecord& b) {
  if (IsDropped(a) || IsDropped(b)) return a.digest() == b.digest();
  // Only the digest tells which statistics belong to the identity of a record.
  if (!SameStatistics(a.observation(), b.observation()) && a.digest() != b.digest()) return false;
  const v1::ReducedObservation& x = a.observation();
  const v1::ReducedObservation& y = b.observation();
  // Without elements, the dtype means nothing.
  return (x.header().dtype() == y.header().dtype() || (IsEmpty(a) && IsEmpty(b))) &&
         x.header().num_observations() == y.header().num_observations() && x.min() == y.min() &&
         x.max() == y.max() && x.global_min() == y.global_min() && x.global_max() == y.global_max();
}

class SessionMerge {
 public:
  SessionMerge(const MergeEvents* events, MergeCounts* counts, RunFileWriter* writer)
      : events_(*events), counts_(*counts), writer_(*writer) {}

  // Called in the order of the files.
  void Add(const RunFileSession& session) {
    v1::Session header = session.session();
    if (!session.HasElements()) header.clear_observed_dtype();
    if (cursors_.empty()) {
      id_ = session.id();
      session_ = header;
    } else if (const std::string difference = DifferenceOf(session, header); !difference.empty()) {
      counts_.rejected += session.size();
      events_.refused(absl::StrCat(id_, ": one of the files has ", difference, "; its ",
                                   session.size(), " records are left out"));
      return;
    }
    Complete(session_, header);
    if (!qparam_shape_) qparam_shape_ = ShapeIn(session);
    cursors_.emplace_back(&session);
  }

  absl::Status Write() {
    RETURN_IF_ERROR(writer_.BeginSession(id_, session_));
    while (const std::optional<std::int64_t> index = NextIndex()) {
      RETURN_IF_ERROR(WriteRecord(*index));
    }
    ++counts_.sessions;
    return writer_.EndSession(qparam_shape_.value_or(std::vector<std::int64_t>()));
  }

 private:
  // nullopt if the shape is not known from the file. A shape may have no dimension.
  static std::optional<std::vector<std::int64_t>> ShapeIn(const RunFileSession& session) {
    const auto& shape = session.session().qparam_shape();
    if (shape.empty() && !session.HasValues()) return std::nullopt;
    return std::vector<std::int64_t>(shape.begin(), shape.end());
  }

  std::string DifferenceOf(const RunFileSession& session, const v1::Session& header) const {
    std::string difference = Difference(session_, header);
    const auto shape = ShapeIn(session);
    if (difference.empty() && shape && qparam_shape_ && *shape != *qparam_shape_) {
      difference = "records of another qparam shape";
    }
    return difference;
  }

  std::optional<std::int64_t> NextIndex() const {
    std::optional<std::int64_t> next;
    for (const RunFileCursor& cursor : cursors_) {
      if (!cursor.done() && (!next || cursor.index() < *next)) next = cursor.index();
    }
    return next;
  }

  absl::Status WriteRecord(std::int64_t index) {
    std::vector<v1::SeriesRecord> records;
    for (RunFileCursor& cursor : cursors_) {
      if (!cursor.done() && cursor.index() == index) records.push_back(cursor.Next());
    }
    if (session_.has_sealed_count() && index >= session_.sealed_count()) {
      counts_.rejected += static_cast<std::int64_t>(records.size());
      events_.refused(absl::StrCat(id_, " index ", index,
                                   ": one of the files has the session "
                                   "sealed at ",
                                   session_.sealed_count(), " records"));
      return absl::OkStatus();
    }
    Compare(index, records);
    ++counts_.records;
    // Prefers a record with values, if one is equal to the first record.
    const auto whole = std::find_if(records.begin(), records.end(), [&](const auto& record) {
      return !IsDropped(record) && Same(records.front(), record);
    });
    return writer_.Add(whole == records.end() ? records.front() : *whole);
  }

  void Compare(std::int64_t index, const std::vector<v1::SeriesRecord>& records) {
    for (std::size_t i = 1; i < records.size(); ++i) {
      if (Same(records.front(), records[i])) {
        ++counts_.duplicates;
        continue;
      }
      ++counts_.conflicts;
      events_.refused(absl::StrCat(id_, " index ", index,
                                   ": the files hold different records; the first file's stays"));
    }
    events_.progress(counts_.records + counts_.duplicates + counts_.conflicts + counts_.rejected);
  }

  const MergeEvents& events_;
  MergeCounts& counts_;
  RunFileWriter& writer_;
  std::string id_;
  v1::Session session_;
  // From the first file that knows the shape.
  std::optional<std::vector<std::int64_t>> qparam_shape_;
  std::vector<RunFileCursor> cursors_;
};

}  // namespace

absl::StatusOr<MergeCounts> MergeRuns(const std::vector<RunFile>& files, const MergeEvents& events,
                                      RunFileWriter& writer) {
  MergeCounts counts;
  std::map<std::string, SessionMerge> merges;
  for (const RunFile& file : files) {
    for (const RunFileSession& session : file.sessions()) {
      merges.try_emplace(session.id(), &events, &counts, &writer).first->second.Add(session);
    }
  }
  for (auto& [id, merge] : merges) RETURN_IF_ERROR(merge.Write());
  return counts;
}

}  // namespace calipers::client
