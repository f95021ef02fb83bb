#ifndef CALIPERS_TESTS_SUPPORT_STREAM_PARTS_H_
#define CALIPERS_TESTS_SUPPORT_STREAM_PARTS_H_

#include <memory>
#include <string>
#include <vector>

#include "server/ingest/ack_queue.h"
#include "server/ingest/observation_ingest.h"
#include "server/session/checkpointer.h"
#include "server/storage/group_commit.h"

namespace calipers::testing {

/// The objects that all streams of a server share, without a service.
class StreamParts {
 public:
  StreamParts(server::Store* store, server::SessionTable* sessions, server::InflightBudget* budget)
      : sessions_(sessions), budget_(budget), commit_(store) {}

  server::ObservationIngest::Shared shared() {
    return {sessions_, budget_, &commit_, &checkpointer_};
  }

 private:
  server::SessionTable* const sessions_;
  server::InflightBudget* const budget_;
  server::FoldCache folds_{1 << 20};
  server::Checkpointer checkpointer_{&folds_};
  server::GroupCommit commit_;
};

/// A stream's ObservationIngest that commits after each call, as a stream does after each message.
class TestStream {
 public:
  TestStream(StreamParts& parts, const std::string& worker)
      : ingest_(parts.shared(), acks_, worker) {}

  void Begin(const server::ObservationHeader& header) {
    ingest_.Begin(header);
    ingest_.Commit();
  }
  void Data(absl::Span<const std::byte> piece) {
    ingest_.Data(piece);
    ingest_.Commit();
  }
  void Reduced(const server::ReducedObservation& observation) {
    ingest_.Reduced(observation);
    ingest_.Commit();
  }
  void Unreadable(absl::Status status) { ingest_.Unreadable(std::move(status)); }
  void End() { ingest_.End(); }
  void ExpectData(std::size_t bytes) { ingest_.ExpectData(bytes); }
  absl::Status SetWorker(absl::string_view worker) { return ingest_.SetWorker(worker); }
  const std::string& worker() const { return ingest_.worker(); }
  bool in_progress() const { return ingest_.in_progress(); }

  /// The acknowledgements since the last call.
  std::vector<server::Ack> DrainAcks() { return acks_->Drain(acks_->size()); }

 private:
  const std::shared_ptr<server::AckQueue> acks_ = std::make_shared<server::AckQueue>();
  server::ObservationIngest ingest_;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_STREAM_PARTS_H_
