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
#include "server/model/reduced_observation.h"
#include "server/model/series_record.h"
#include "server/session/checkpointer.h"
#include "server/session/session.h"
#include "server/session/session_table.h"
#include "server/storage/group_commit.h"

namespace calipers::server {

/// A record that is being stored: the data for its acknowledgement, and its reserved memory.
struct Committing {
  AckQueue::Slot slot;
  std::int64_t ordinal;
  std::shared_ptr<Session> session;
  SeriesId series;
  InflightBudget::Lease lease;
};

/// Reads one stream of a worker: takes headers and pieces of data in the order in which they
/// arrive, and gives an acknowledgement for each observation. An error in one observation rejects
/// only this observation. Not thread-safe, because a stream is one sequence. The destructor drops
/// the observation in progress, and stores nothing of it.
class ObservationIngest {
 public:
  /// The objects that all streams of a server share. They must outlive the streams and the commits
  /// that these began.
  struct Shared {
    SessionTable* sessions;
    InflightBudget* budget;
    GroupCommit* commit;
    Checkpointer* checkpointer;
  };
  /// `acks` receives the acknowledgements.
  ObservationIngest(const Shared& shared, std::shared_ptr<AckQueue> acks, std::string worker)
      : shared_(shared),
        acks_(std::move(acks)),
        worker_(std::make_shared<const std::string>(std::move(worker))) {}

  /// Sets the worker's name from now on. INVALID_ARGUMENT if it has more than 256 bytes; then the
  /// old name stays.
  absl::Status SetWorker(absl::string_view worker);

  const std::string& worker() const { return *worker_; }

  /// Starts a tensor. A tensor in progress is incomplete, and is REJECTED.
  void Begin(const ObservationHeader& header);

  /// Announces that the message has `bytes` bytes of data, which follow now. If the tensor in
  /// progress needs fewer, it is REJECTED, however the data are divided into pieces.
  void ExpectData(std::size_t bytes);

  /// The next bytes of the tensor in progress. Bytes after a rejected header are dropped.
  void Data(absl::Span<const std::byte> piece);

  /// Announces that so many observations follow now, each in a call of Reduced.
  void ExpectReduced(std::size_t observations);

  void Reduced(const ReducedObservation& observation);

  /// Reports a message that could not be read, with the reason. Its content is unknown, so a tensor
  /// in progress is REJECTED, too.
  void Unreadable(absl::Status status);

  /// Reports the regular end of the stream. A tensor in progress is REJECTED.
  void End();

  /// Puts the complete observations into the store, together. Call it after each message; until
  /// then they wait.
  void Commit();

  /// True while bytes of a tensor are missing.
  bool in_progress() const { return tensor_.has_value(); }

 private:
  struct Tensor {
    std::int64_t ordinal;
    std::optional<BatchIndex> index;
    std::shared_ptr<Session> session;
    SeriesId series;
    Shape qparam_shape;
    Shape shape;
    InflightBudget::Lease lease;
    Reducer reducer;
  };
  // The result of checking a header against the spec of its session.
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
  // Adds a record to those of the next Commit, with the memory that it reserves until it is stored.
  // `began_in` is the series in which its tensor began; nullopt if the worker reduced it.
  void Add(std::int64_t ordinal, std::optional<BatchIndex> index,
           const std::shared_ptr<Session>& session, Shape qparam_shape,
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
  // True if the next bytes belong to a rejected observation.
  bool dropping_ = false;
  // Complete observations that are not in the store yet.
  std::vector<NewRecord> records_;
  std::vector<Committing> committing_;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_INGEST_OBSERVATION_INGEST_H_
