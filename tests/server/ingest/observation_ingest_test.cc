#include "server/ingest/observation_ingest.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "core/limits.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/store_wrapper.h"
#include "tests/support/stream_parts.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using calipers::testing::StreamParts;
using calipers::testing::TestStream;
using ::testing::HasSubstr;

constexpr char kInput[] = "runs/r/sessions/m/input";
constexpr char kGrouped[] = "runs/r/sessions/g/weight";

class IngestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(table_.Create(*SessionName::Parse(kInput), {}));
    SessionSpec grouped;
    grouped.args.strategy = Strategy::kGroup;
    grouped.args.group_size = 4;
    ASSERT_OK(table_.Create(*SessionName::Parse(kGrouped), grouped));
  }

  // A header only refers to its shape, so the shape is stored here.
  ObservationHeader Header(absl::string_view session, std::optional<BatchIndex> index,
                           std::vector<std::int64_t> shape) {
    shapes_.push_back(std::move(shape));
    return {session, index, "F32", shapes_.back(), std::nullopt};
  }

  void Data(std::size_t bytes) { ingest_.Data(std::vector<std::byte>(bytes)); }

  // The single acknowledgement since the last call.
  Ack Only() {
    const std::vector<Ack> acks = ingest_.DrainAcks();
    EXPECT_EQ(acks.size(), 1U);
    return acks.empty() ? Ack{} : acks[0];
  }

  // Expects that `header` is rejected with this code and text, and that the next observation is
  // stored.
  void ExpectRejected(const ObservationHeader& header, absl::StatusCode code,
                      const std::string& said) {
    ingest_.Begin(header);
    const Ack ack = Only();
    EXPECT_EQ(ack.outcome, Outcome::kRejected);
    EXPECT_THAT(ack.status, StatusIs(code, HasSubstr(said)));
    Data(64);  // belongs to the rejected tensor and is dropped with it
    EXPECT_TRUE(ingest_.DrainAcks().empty());
    ingest_.Begin(Header(kInput, next_good_++, {1, 2}));
    Data(8);
    EXPECT_EQ(Only().outcome, Outcome::kStored) << said;
    EXPECT_EQ(budget_.used(), 0);
  }

  std::deque<std::vector<std::int64_t>> shapes_;
  MemoryStore store_{1 << 20};
  SessionTable table_{&store_, 100};
  InflightBudget budget_{1 << 16};
  StreamParts parts_{&store_, &table_, &budget_};
  TestStream ingest_{parts_, "w"};
  BatchIndex next_good_ = 100;
};

TEST_F(IngestTest, AcknowledgesEachObservationInOrder) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  EXPECT_TRUE(ingest_.in_progress());
  Data(3);
  EXPECT_TRUE(ingest_.DrainAcks().empty());
  Data(5);
  EXPECT_FALSE(ingest_.in_progress());
  ingest_.Begin(Header(kGrouped, 5, {2, 8}));
  Data(64);
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  Data(8);
  const std::vector<Ack> acks = ingest_.DrainAcks();
  ASSERT_EQ(acks.size(), 3U);
  EXPECT_EQ(acks[0].ordinal, 0);
  EXPECT_EQ(acks[0].outcome, Outcome::kStored);
  EXPECT_EQ(acks[1].ordinal, 1);
  EXPECT_EQ(acks[1].index, 5);
  EXPECT_EQ(acks[2].ordinal, 2);
  EXPECT_EQ(acks[2].outcome, Outcome::kDuplicate);
}

TEST_F(IngestTest, InvalidHeadersAreRejectedWithoutAffectingOthers) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  ExpectRejected(Header("runs/r/sessions/none/input", 0, {1, 2}), absl::StatusCode::kNotFound,
                 "none/input");
  ExpectRejected(Header("", 0, {1, 2}), absl::StatusCode::kNotFound, "no session");
  ObservationHeader bad_dtype = Header(kInput, 0, {1, 2});
  bad_dtype.dtype = "float32";
  ExpectRejected(bad_dtype, invalid, "\"float32\" is not one of");
  ExpectRejected(Header(kInput, 0, {std::int64_t{1} << 40, std::int64_t{1} << 40}), invalid,
                 "1099511627776");
  ExpectRejected(Header(kInput, 0, {-1, 2}), invalid, "-1");
  ExpectRejected(Header(kInput, 0, {}), invalid, "shape");
  ExpectRejected(Header(kInput, 0, std::vector<std::int64_t>(17, 1)), invalid, "17");
  ExpectRejected(Header(kInput, -1, {1, 2}), absl::StatusCode::kOutOfRange, "index -1");
  ExpectRejected(Header(kInput, kMaxBatchIndex + 1, {1, 2}), absl::StatusCode::kOutOfRange,
                 "index 281474976710656");
  ExpectRejected(Header(kGrouped, 0, {2, 10}), invalid, "group_size 4");
  ExpectRejected(Header(kGrouped, 0, {0, 8}), invalid, "[0, 8]");
  ObservationHeader bad_count = Header(kInput, 0, {1, 2});
  bad_count.num_observations = -5;
  ExpectRejected(bad_count, invalid, "num_observations is -5");
  ExpectRejected(Header(kGrouped, 0, {1 << 10, 1 << 10}), absl::StatusCode::kResourceExhausted,
                 "--max-inflight-bytes");
  // The dtype differs from that of the records stored so far.
  bad_dtype.dtype = "BF16";
  ExpectRejected(bad_dtype, invalid, "dtype is BF16");
}

TEST_F(IngestTest, UnfinishedTensorIsRejectedByTheNextHeader) {
  ingest_.Begin(Header(kInput, 3, {1, 2}));
  Data(5);
  ingest_.Begin(Header(kInput, 4, {1, 2}));
  const Ack ack = Only();
  EXPECT_EQ(ack.index, 3);
  EXPECT_THAT(ack.status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("5 of 8 bytes")));
  Data(8);
  EXPECT_EQ(Only().outcome, Outcome::kStored);
}

TEST_F(IngestTest, UnfinishedTensorIsRejectedByTheStreamsEnd) {
  ingest_.Begin(Header(kInput, 3, {1, 2}));
  ingest_.End();
  EXPECT_THAT(Only().status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("0 of 8 bytes")));
  EXPECT_EQ(budget_.used(), 0);
  EXPECT_FALSE((*table_.Find(kInput))->GetMinMax().ok());
}

TEST_F(IngestTest, TooManyBytesRejectTheObservation) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  Data(9);
  EXPECT_THAT(Only().status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("8 bytes")));
  Data(100);
  EXPECT_TRUE(ingest_.DrainAcks().empty());
  EXPECT_EQ((*table_.Find(kInput))->Snapshot().progress.count, 0);
}

TEST_F(IngestTest, TooManyBytesAreRejectedEvenIfTheFirstSliceFits) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  ingest_.ExpectData(12);
  Data(8);
  Data(4);
  const Ack ack = Only();
  EXPECT_EQ(ack.ordinal, 0);
  EXPECT_EQ(ack.outcome, Outcome::kRejected);
  EXPECT_THAT(ack.status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("12 more")));
}

TEST_F(IngestTest, ResetIsABarrierForTensorsUnderWay) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  Data(4);
  ASSERT_OK((*table_.Find(kInput))->Reset());
  Data(4);
  const Ack ack = Only();
  EXPECT_EQ(ack.outcome, Outcome::kRejected);
  EXPECT_THAT(ack.status, StatusIs(absl::StatusCode::kAborted, HasSubstr("was reset")));
  EXPECT_EQ((*table_.Find(kInput))->Snapshot().progress.count, 0);
}

TEST_F(IngestTest, DataAfterTheEndOfATensorIsRejected) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  Data(8);
  EXPECT_EQ(Only().outcome, Outcome::kStored);
  Data(1);
  const Ack stray = Only();
  EXPECT_EQ(stray.ordinal, -1);
  EXPECT_THAT(stray.status,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("belong to no observation")));
  Data(1);
  EXPECT_TRUE(ingest_.DrainAcks().empty());
}

TEST_F(IngestTest, UnreadableMessageRejectsTheTensorInProgress) {
  ingest_.Begin(Header(kInput, 0, {1, 2}));
  ingest_.Unreadable(absl::InvalidArgumentError("unreadable"));
  const std::vector<Ack> acks = ingest_.DrainAcks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[0].ordinal, 0);
  EXPECT_EQ(acks[1].ordinal, -1);
}

TEST_F(IngestTest, EmptyTensorNeedsNoData) {
  ingest_.Begin(Header(kInput, 0, {0, 7}));
  EXPECT_EQ(Only().outcome, Outcome::kStored);
  EXPECT_EQ((*table_.Find(kInput))->Coverage().empty_batches, 1);
}

std::string Floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

TEST_F(IngestTest, ReducedObservationEqualsTheTensorItWasReducedFrom) {
  ingest_.Begin(Header(kGrouped, 0, {1, 8}));
  const std::string tensor = Floats({9, -2, 3, 4, 5, 6, 7, -8});
  ingest_.Data({reinterpret_cast<const std::byte*>(tensor.data()), tensor.size()});
  const std::string min = Floats({-2, -8});
  const std::string max = Floats({9, 7});
  ingest_.Reduced({Header(kGrouped, 0, {1, 8}), min, max, "", ""});
  const std::vector<Ack> acks = ingest_.DrainAcks();
  ASSERT_EQ(acks.size(), 2U);
  EXPECT_EQ(acks[0].outcome, Outcome::kStored);
  EXPECT_EQ(acks[1].outcome, Outcome::kDuplicate) << acks[1].status;
}

TEST_F(IngestTest, BadReducedObservationsAreRejected) {
  const std::string one = Floats({1});
  const std::string two = Floats({1, 2});
  const std::string low = Floats({0, 2});
  const std::string nine = Floats({9});
  const std::string ends_low = Floats({0, 1});
  const std::string half = Floats({0.5});
  const std::string two_alone = Floats({2});
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  const std::string with_nan = Floats({nan, 2});
  const auto header = [&] { return Header(kGrouped, 0, {1, 8}); };
  const std::pair<ReducedObservation, const char*> cases[] = {
      {{header(), one, one, "", ""}, "2 parameters"},
      {{header(), two, one, "", ""}, "max 4"},
      {{header(), two, low, "", ""}, "min is above max"},
      {{header(), two, two, one, ""}, "together"},
      {{header(), two, two, one, nine}, "global_max"},
      {{header(), ends_low, two, half, two_alone}, "parameters' extremes"},
      {{Header(kInput, 0, {0, 8}), one, one, "", ""}, "must be empty"},
      {{header(), with_nan, two, one, one}, "NaN"},
  };
  for (const auto& [observation, said] : cases) {
    ingest_.Reduced(observation);
    EXPECT_THAT(Only().status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(said)));
  }
  ingest_.Reduced({header(), with_nan, two, "", ""});
  EXPECT_EQ(Only().outcome, Outcome::kStored);
}

TEST_F(IngestTest, ReducedObservationOfAPaddedBlockHoldsZeroAndItsOwnRange) {
  SessionSpec blocks;
  blocks.args.strategy = Strategy::kBlock;
  blocks.args.block_structure = {{2, 2}};
  constexpr char kWeight[] = "runs/r/sessions/m/weight";
  ASSERT_OK(table_.Create(*SessionName::Parse(kWeight), blocks));
  // Shape 1 x 3: the first block lacks a row, the second a row and a column.
  const auto header = [&] { return Header(kWeight, 0, {1, 3}); };
  const std::string min = Floats({0, -3});
  const std::string max = Floats({2, 0});
  const std::string low = Floats({-3});
  const std::string high = Floats({2});
  ingest_.Reduced({header(), min, max, "", ""});
  EXPECT_THAT(Only().status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("missing")));
  const std::string one = Floats({1, -3});
  ingest_.Reduced({header(), one, max, low, high});
  EXPECT_THAT(Only().status, StatusIs(absl::StatusCode::kInvalidArgument,
                                      HasSubstr("parameter 0 covers padding")));
  ingest_.Reduced({header(), min, max, low, high});
  EXPECT_EQ(Only().outcome, Outcome::kStored);
  ingest_.Begin(header());
  const std::string tensor = Floats({1, 2, -3});
  ingest_.Data({reinterpret_cast<const std::byte*>(tensor.data()), tensor.size()});
  EXPECT_EQ(Only().outcome, Outcome::kDuplicate);
}

// A store with a slow device: the thread of a stream must make no call that waits.
class SlowStore final : public testing::StoreWrapper {
 public:
  explicit SlowStore(std::unique_ptr<Store> base) : StoreWrapper(std::move(base)) {}

  bool IsImmediate() const override { return false; }
  std::vector<PutResult> PutIfAbsent(absl::Span<const NewRecord> records) override {
    Wait();
    return StoreWrapper::PutIfAbsent(records);
  }
  absl::StatusOr<SeriesFacts> Facts(SeriesId series) override {
    Wait();
    return StoreWrapper::Facts(series);
  }
  absl::StatusOr<SeriesSummary> Summary(SeriesId series) override {
    Wait();
    return StoreWrapper::Summary(series);
  }
  absl::StatusOr<std::unique_ptr<SeriesReader>> Read(SeriesId series, BatchIndex from) override {
    Wait();
    return StoreWrapper::Read(series, from);
  }
  absl::StatusOr<std::optional<Checkpoint>> ReadCheckpoint(SeriesId series) override {
    Wait();
    return StoreWrapper::ReadCheckpoint(series);
  }

  // From now on, this thread must not wait.
  void WatchThisThread() { watched_ = std::this_thread::get_id(); }

 private:
  void Wait() const { EXPECT_NE(std::this_thread::get_id(), watched_.load()); }

  std::atomic<std::thread::id> watched_{};
};

TEST(ObservationIngestTest, StreamThreadNeverWaitsForTheStore) {
  auto memory = std::make_unique<MemoryStore>(1 << 20);
  {
    // A session of an earlier server.
    SessionTable before(memory.get(), 10);
    ASSERT_OK(before.Create(*SessionName::Parse(kInput), {}));
  }
  SlowStore store(std::move(memory));
  SessionTable table(&store, 10);
  ASSERT_OK(table.Restore());
  InflightBudget budget(1 << 16);
  const auto acks = std::make_shared<AckQueue>();
  absl::Notification acknowledged;
  acks->NotifyReady([&] {
    if (acks->HasReady()) acknowledged.Notify();
  });
  StreamParts parts(&store, &table, &budget);
  ObservationIngest ingest(parts.shared(), acks, "w");
  store.WatchThisThread();
  const std::vector<std::int64_t> shape = {1, 2};
  const std::vector<std::byte> data(8);
  ingest.Begin({kInput, 0, "F32", shape, std::nullopt});
  ingest.Data(data);
  ingest.Commit();
  acknowledged.WaitForNotification();
  EXPECT_EQ(acks->Drain(1).at(0).outcome, Outcome::kStored);
}

TEST_F(IngestTest, TheWorkersNameHasALimit) {
  EXPECT_OK(ingest_.SetWorker(std::string(256, 'w')));
  EXPECT_THAT(ingest_.SetWorker(std::string(257, 'w')),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("257")));
}

}  // namespace
}  // namespace calipers::server
