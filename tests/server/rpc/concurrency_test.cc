// Many concurrent callers of everything. The tests check the limits of each caller's results. The
// tsan preset checks for data races.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/ingest/observation_ingest.h"
#include "server/session/session_table.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/server_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stream_parts.h"

namespace calipers::server {
namespace {

using calipers::testing::AddRecord;
using calipers::testing::kOne;
using calipers::testing::MakeRecord;
using calipers::testing::ObserveCall;
using calipers::testing::StreamParts;
using calipers::testing::Tensor;
using calipers::testing::TestStream;

// Runs each function in a thread, all at once.
void AtOnce(const std::vector<std::function<void()>>& functions) {
  std::vector<std::thread> threads;
  threads.reserve(functions.size());
  for (const auto& function : functions) threads.emplace_back(function);
  for (std::thread& thread : threads) thread.join();
}

class TableConcurrencyTest : public ::testing::Test {
 protected:
  static SessionName Name(int i) {
    return *SessionName::Parse(absl::StrCat("runs/r", i % 2, "/sessions/m", i, "/input"));
  }

  MemoryStore store_{1 << 24};
  SessionTable table_{&store_, 1000};
};

// Answers during concurrent puts match a state in between. The last answer is equal to that of a
// series without concurrency.
TEST_F(TableConcurrencyTest, QueriesDuringPutsDoNotChangeTheAnswer) {
  constexpr int kRecords = 300;
  const auto record = [](int i) { return MakeRecord(-i, (i * 37) % 101); };
  const auto quiet = *table_.Create(Name(0), {});
  for (int i = 0; i < kRecords; ++i) AddRecord(store_, *quiet, i, kOne, record(i), "w");
  const auto expected = quiet->GetMinMax();
  ASSERT_OK(expected);

  const auto busy = *table_.Create(Name(1), {});
  const auto add = [&](unsigned seed) {
    std::vector<int> order(kRecords);
    for (int i = 0; i < kRecords; ++i) order[static_cast<std::size_t>(i)] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    for (int i : order) {
      const Ack ack = AddRecord(store_, *busy, i, kOne, record(i), absl::StrCat("w", seed));
      EXPECT_TRUE(ack.outcome == Outcome::kStored || ack.outcome == Outcome::kDuplicate);
    }
  };
  std::atomic<bool> done{false};
  std::thread asker([&] {
    std::int64_t last = 0;
    while (!done) {
      const auto answer = busy->GetMinMax();
      if (!answer.ok()) continue;
      EXPECT_GE(answer->progress.count, last);
      EXPECT_LE(answer->progress.contiguous_prefix, answer->progress.count);
      last = answer->progress.count;
    }
  });
  AtOnce({[&] { add(1); }, [&] { add(2); }, [&] { add(3); }});
  done = true;
  asker.join();
  const auto answer = busy->GetMinMax();
  ASSERT_OK(answer);
  EXPECT_EQ(answer->folded.range, expected->folded.range);
  EXPECT_EQ(answer->folded.global, expected->folded.global);
  EXPECT_EQ(answer->current, expected->current);
  EXPECT_EQ(answer->progress.count, kRecords);
  SessionCoverage coverage = busy->Coverage();
  std::int64_t batches = 0;
  for (const auto& [worker, tally] : coverage.workers) batches += tally.batches;
  EXPECT_EQ(batches, kRecords);
}

TEST_F(TableConcurrencyTest, AppendedRecordsHaveIndicesOfTheirOwn) {
  constexpr int kEach = 200;
  const auto session = *table_.Create(Name(0), {});
  const auto append = [&] {
    for (int i = 0; i < kEach; ++i) {
      EXPECT_EQ(AddRecord(store_, *session, std::nullopt, kOne, MakeRecord(0, i), "w").outcome,
                Outcome::kStored);
    }
  };
  AtOnce({append, append, append});
  const Progress progress = session->Snapshot().progress;
  EXPECT_EQ(progress.count, 3 * kEach);
  EXPECT_EQ(progress.contiguous_prefix, 3 * kEach);
}

TEST_F(TableConcurrencyTest, ConcurrentCreatesReturnTheSameSession) {
  constexpr int kNames = 100;
  std::vector<std::vector<std::shared_ptr<Session>>> created(3);
  const auto create = [&](std::size_t who) {
    for (int i = 0; i < kNames; ++i) created[who].push_back(*table_.Create(Name(i), {}));
  };
  AtOnce({[&] { create(0); }, [&] { create(1); }, [&] { create(2); }});
  EXPECT_EQ(created[0], created[1]);
  EXPECT_EQ(created[0], created[2]);
}

// Sessions are created and deleted while records are added. The store must keep no series of a
// deleted session.
TEST_F(TableConcurrencyTest, SessionsDeletedDuringUseLeaveNoSeries) {
  constexpr int kRounds = 300;
  constexpr int kNames = 4;
  const auto create_and_add = [this](int seed) {
    for (int i = 0; i < kRounds; ++i) {
      const auto session = table_.Create(Name((i + seed) % kNames), {});
      ASSERT_OK(session);
      const Ack ack = AddRecord(store_, **session, i, kOne, MakeRecord(0, 1), "w");
      EXPECT_TRUE(ack.outcome != Outcome::kRejected || absl::IsNotFound(ack.status)) << ack.status;
    }
  };
  const auto reset = [this] {
    for (int i = 0; i < kRounds; ++i) {
      const auto session = table_.Find(Name(i % kNames).full());
      if (!session.ok()) continue;
      const absl::Status status = (*session)->Reset();
      EXPECT_TRUE(status.ok() || absl::IsNotFound(status)) << status;
      (*session)->GetMinMax().IgnoreError();
    }
  };
  const auto destroy = [this] {
    for (int i = 0; i < kRounds; ++i) {
      table_.Delete(Name(i % kNames).full()).IgnoreError();
      if (i % 50 == 0) table_.DeleteRun(*RunName::Parse("runs/r1")).IgnoreError();
    }
  };
  const auto list = [this] {
    const NameFilter all = *NameFilter::Make("runs/-", "");
    const auto subscription = table_.feed().Subscribe(all);
    for (int i = 0; i < kRounds; ++i) {
      for (const auto& session : table_.List(all, "", 100).sessions) session->Snapshot();
      subscription->Poll(absl::ZeroDuration());
    }
  };
  AtOnce({[&] { create_and_add(0); }, [&] { create_and_add(1); }, reset, destroy, list});
  for (int i = 0; i < kNames; ++i) table_.Delete(Name(i).full()).IgnoreError();
  EXPECT_EQ(store_.bytes(), 0);
}

TEST_F(TableConcurrencyTest, StreamsTakeNoMoreThanTheBudgetAndGiveItBack) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kToken;
  ASSERT_OK(table_.Create(Name(0), spec));
  constexpr std::int64_t kBudget = 6000;
  InflightBudget budget(kBudget);
  StreamParts parts(&store_, &table_, &budget);
  std::atomic<int> stored{0};
  const auto stream = [&](int worker) {
    TestStream ingest(parts, absl::StrCat("w", worker));
    const std::vector<std::byte> data(4 * 64);
    for (int i = 0; i < 200; ++i) {
      ingest.Begin({Name(0).full(), i * 4 + worker, "F32", {1, 64, 1}, std::nullopt});
      EXPECT_LE(budget.used(), kBudget);
      ingest.Data(data);
    }
    for (const Ack& ack : ingest.DrainAcks()) {
      if (ack.outcome == Outcome::kStored) {
        ++stored;
      } else {
        EXPECT_TRUE(absl::IsResourceExhausted(ack.status)) << ack.status;
      }
    }
  };
  AtOnce({[&] { stream(0); }, [&] { stream(1); }, [&] { stream(2); }, [&] { stream(3); }});
  EXPECT_EQ(budget.used(), 0);
  EXPECT_GT(stored, 0);
  EXPECT_EQ((*table_.Find(Name(0).full()))->Snapshot().progress.count, stored);
}

class ServiceConcurrencyTest : public calipers::testing::ServerTest {};

TEST_F(ServiceConcurrencyTest, EveryCallAtOnceThenStop) {
  using Stub = v1::Calibration::Stub;
  constexpr int kRounds = 40;
  const auto name = [](int i) { return absl::StrCat("runs/r/sessions/m", i % 3, "/input"); };
  const auto observe = [&](int seed) {
    std::mt19937 random(static_cast<unsigned>(seed));
    for (int i = 0; i < kRounds; ++i) {
      Create(absl::StrCat("m", i % 3, "/input")).IgnoreError();
      ObserveCall call(stub_);
      for (int k = 0; k < 5; ++k) {
        v1::ObserveRequest request = Tensor(name(i), i * 5 + k, {1, 2, 3, 4});
        if (random() % 4 == 0) {
          v1::ObserveRequest rest;
          rest.set_data(request.data().substr(7));
          request.mutable_data()->resize(7);
          call.Send(request);
          call.Send(rest);
        } else {
          call.Send(request);
        }
      }
      switch (random() % 3) {
        case 0:
          call.Cancel();
          break;
        case 1:
          EXPECT_EQ(call.NextAck().ordinal(), 0);
          break;
        default:
          call.HalfClose();
          EXPECT_EQ(call.RemainingAcks().size(), 5U);
          EXPECT_OK(call.Finish());
      }
    }
  };
  const auto query = [&] {
    v1::BatchGetMinMaxRequest batch;
    batch.set_parent("runs/r");
    for (int i = 0; i < 3; ++i) batch.add_names(name(i));
    v1::ListSessionsRequest list;
    list.set_parent("runs/-");
    v1::GetCoverageRequest coverage;
    coverage.set_parent("runs/r");
    for (int i = 0; i < kRounds; ++i) {
      EXPECT_OK(Call(&Stub::BatchGetMinMax, batch));
      EXPECT_OK(Call(&Stub::ListSessions, list));
      EXPECT_OK(Call(&Stub::GetCoverage, coverage));
      GetMinMax(name(i), 1, std::chrono::milliseconds(2)).IgnoreError();
    }
  };
  const auto change = [&] {
    for (int i = 0; i < kRounds; ++i) {
      v1::ResetSessionRequest reset;
      reset.set_name(name(i));
      Call(&Stub::ResetSession, reset).IgnoreError();
      if (i % 5 != 0) continue;
      v1::DeleteSessionRequest deletion;
      deletion.set_name(name(i + 1));
      Call(&Stub::DeleteSession, deletion).IgnoreError();
    }
  };
  const auto watch = [&] {
    for (int i = 0; i < kRounds / 4; ++i) {
      grpc::ClientContext context;
      v1::WatchSessionsRequest request;
      request.set_parent("runs/r");
      const auto reader = stub_.WatchSessions(&context, request);
      v1::SessionEvent event;
      do {
        ASSERT_TRUE(reader->Read(&event));
      } while (event.kind() != v1::SessionEvent::KIND_SYNCED);
      context.TryCancel();
      while (reader->Read(&event)) {
      }
      EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
  };
  AtOnce({[&] { observe(1); }, [&] { observe(2); }, query, change, watch});
  EXPECT_OK(Create("last/input"));
  EXPECT_EQ(Observe("runs/r/sessions/last/input", 0, {1}).outcome(),
            v1::ObservationAck::OUTCOME_STORED);
}

// Streams are open, opening or cancelled while the server stops. Each stream ends, and every record
// acknowledged as stored is complete.
TEST_F(ServiceConcurrencyTest, StopEndsStreamsInEveryState) {
  for (int round = 0; round < 10; ++round) {
    server_ = *Server::Start(DefaultConfig());
    const auto channel = NewChannel();
    v1::Calibration::Stub stub(channel);
    grpc::ClientContext context;
    v1::CreateSessionRequest request;
    request.set_parent("runs/r");
    request.set_session_id("m/input");
    v1::Session session;
    ASSERT_TRUE(stub.CreateSession(&context, request, &session).ok());
    const auto stream = [&](int seed) {
      for (int i = 0; i < 50; ++i) {
        ObserveCall call(stub);
        for (int k = 0; k < 3; ++k) {
          if (!call.Send(Tensor(session.name(), seed * 1000 + i * 3 + k, {1, 2}))) break;
        }
        if (i % 3 == seed) call.Cancel();
        call.HalfClose();
        for (const v1::ObservationAck& ack : call.RemainingAcks()) {
          EXPECT_EQ(ack.outcome(), v1::ObservationAck::OUTCOME_STORED) << ack.DebugString();
        }
        const absl::Status end = call.Finish();
        if (!end.ok() && !absl::IsCancelled(end)) {
          EXPECT_TRUE(absl::IsUnavailable(end)) << end;
          return;
        }
      }
    };
    AtOnce({[&] { stream(0); }, [&] { stream(1); }, [&] { stream(2); }, [&] { server_->Stop(); }});
  }
}

}  // namespace
}  // namespace calipers::server
