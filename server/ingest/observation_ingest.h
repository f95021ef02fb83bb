#ifndef CALIPERS_SERVER_INGEST_OBSERVATION_INGEST_H_
#define CALIPERS_SERVER_INGEST_OBSERVATION_INGEST_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/reduce/reducer.h"
#include "server/ingest/ack_queue.h"
#include "server/ingest/inflight_budget.h"
#include "server/model/observation_header.h"
#include "server/model/series_record.h"
#include "server/session/checkpointer.h"
#include "server/session/session.h"
#include "server/session/session_table.h"
#include "server/storage/group_commit.h"

namespace calipers::server {

/// An observation that its worker reduced.
struct ReducedObservation {
  ObservationHeader header;
  absl::string_view min;
  absl::string_view max;
  absl::string_view global_min;  // empty: the extremes of min and max
  absl::string_view global_max;
  struct Statistic {
    absl::string_view name;
    absl::string_view value;
  };
  std::vector<Statistic> statistics = {};
};

/// A record on its way into the store, and what is to be done once it is there.
struct Committing {
  AckQueue::Slot slot;
  std::int64_t ordinal;
  std::shared_ptr<Session> session;
  SeriesId series;
  InflightBudget::Lease lease;
};

/// One worker's stream: takes headers and pieces in the order in which they
/// come, and sees to an acknowledgement for each observation. Whatever is wrong
/// with one observation ends that one alone. Not thread-safe: a stream is one
/// sequence. Dropping an ObservationIngest drops the observation in progress; nothing of
/// it is kept.
class ObservationIngest {
 public:
  /// What a server's streams share; outlives them, and the commits they began.
  struct Shared {
    SessionTable* sessions;
    InflightBudget* budget;
    GroupCommit* commit;
    Checkpointer* checkpointer;
  };
  /// Acknowledgements go to `acks`.
  ObservationIngest(const Shared& shared, std::shared_ptr<AckQueue> acks, std::string worker)
      : shared_(shared),
        acks_(std::move(acks)),
        worker_(std::make_shared<const std::string>(std::move(worker))) {}

  /// Names the worker from here on. INVALID_ARGUMENT if it has over 256 bytes;
  /// then the old name stays.
  absl::Status SetWorker(absl::string_view worker);

  const std::string& worker() const { return *worker_; }

  /// Starts a tensor; one in progress is REJECTED for what it lacks.
  void Begin(const ObservationHeader& header);

  /// A message brings so many bytes of data, which come now. If the tensor in progress
  /// lacks fewer it is REJECTED, wherever the bytes are cut.
  void ExpectData(std::size_t bytes);

  /// The next bytes of the tensor in progress. What follows a rejected header
  /// is dropped.
  void Data(absl::Span<const std::byte> piece);

  void Reduced(const ReducedObservation& observation);

  /// A message could not be read, for this reason. What it held is unknown, so a
  /// tensor in progress is REJECTED with it.
  void Unreadable(absl::Status status);

  /// The stream ends here in good order: a tensor in progress is REJECTED.
  void End();

  /// Puts the observations that are complete into the store, together. To be called
  /// after each message; until then they wait.
  void Commit();

  /// True while a tensor's bytes are still to come.
  bool in_progress() const { return tensor_.has_value(); }

 private:
  struct Tensor {
    std::int64_t ordinal;
    std::optional<BatchIndex> index;
    std::shared_ptr<Session> session;
    SeriesId series;
    std::vector<std::int64_t> qparam_shape;
    Shape shape;
    InflightBudget::Lease lease;
    Reducer reducer;
  };
  // What a header comes to once it is checked against its session's spec.
  struct Expected {
    std::shared_ptr<Session> session;
    Dtype dtype;
    View view;
    std::int64_t num_observations;
  };

  absl::StatusOr<Expected> Expect(const ObservationHeader& header) const;
  absl::Status Start(const ObservationHeader& header, std::int64_t ordinal);
  absl::StatusOr<Record> MakeRecord(const Expected& expected,
                                    const ReducedObservation& observation) const;
  absl::StatusOr<StatisticValues> CheckedStatistics(const Expected& expected,
                                                    const ReducedObservation& observation) const;
  // Takes a record into its series, with what it leased until it is there.
  void Add(std::int64_t ordinal, std::optional<BatchIndex> index,
           const std::shared_ptr<Session>& session, std::vector<std::int64_t> qparam_shape,
           std::shared_ptr<const SeriesRecord> observed, std::optional<SeriesId> began_in,
           InflightBudget::Lease lease);
  void Complete();
  void RejectUnfinished();
  void Reject(std::int64_t ordinal, std::optional<BatchIndex> index, absl::Status status);

  const Shared shared_;
  const std::shared_ptr<AckQueue> acks_;
  std::shared_ptr<const std::string> worker_;
  std::int64_t next_ordinal_ = 0;
  std::optional<Tensor> tensor_;
  // Bytes that come now belong to an observation that was rejected.
  bool dropping_ = false;
  // Complete, and not in the store yet.
  std::vector<NewRecord> records_;
  std::vector<Committing> committing_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_INGEST_OBSERVATION_INGEST_H_
