#include "server/storage/rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "storage/rows.pb.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::MakeRecord;
using calipers::testing::StatusIs;
using ::testing::HasSubstr;

const std::vector<std::int64_t> kOne = {1};

std::shared_ptr<const SeriesRecord> Sample() {
  return SeriesRecord::Make(*MakeRecord(-1.5, 2.25, 7), {3, 5},
                            std::make_shared<const std::string>("worker \xff"));
}

std::string Encode(const SeriesRecord& observed) {
  storage::v1::ObservedRow scratch;
  std::string row;
  EncodeObserved(observed, scratch, row);
  return row;
}

void ExpectEqual(const SeriesRecord& one, const SeriesRecord& two) {
  EXPECT_EQ(one.record, two.record);
  EXPECT_EQ(one.digest, two.digest);
  EXPECT_EQ(one.shape, two.shape);
  EXPECT_EQ(*one.worker, *two.worker);
  EXPECT_EQ(one.dropped, two.dropped);
}

TEST(RowsTest, RecordComesBack) {
  const auto observed = Sample();
  const auto empty = SeriesRecord::Make(Record::Empty(Dtype::kBF16, 4), {0, 5},
                                        std::make_shared<const std::string>());
  for (const auto& given : {observed, observed->WithoutValues(), empty}) {
    const auto back = DecodeObserved(Encode(*given));
    ASSERT_OK(back);
    ExpectEqual(**back, *given);
    EXPECT_EQ(*DecodeDigest(Encode(*given)), given->digest);
  }
}

// Whichever bit of the values changes: reading fails, and never gives another record.
TEST(RowsTest, ChangedValuesAreDataLoss) {
  storage::v1::ObservedRow row;
  const auto sample = Sample();
  ASSERT_TRUE(row.ParseFromString(Encode(*sample)));
  for (std::size_t bit = 0; bit < row.values().size() * 8; ++bit) {
    storage::v1::ObservedRow changed = row;
    char& byte = (*changed.mutable_values())[bit / 8];
    byte = static_cast<char>(byte ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(DecodeObserved(changed.SerializeAsString()).status())) << bit;
  }
  row.set_dtype(99);
  EXPECT_THAT(DecodeObserved(row.SerializeAsString()),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("99")));
}

TEST(RowsTest, NoCutRowIsTakenForAnother) {
  const auto sample = Sample();
  const std::string row = Encode(*sample);
  for (std::size_t size = 0; size < row.size(); ++size) {
    const auto back = DecodeObserved(row.substr(0, size));
    if (back.ok()) {
      EXPECT_EQ((*back)->digest, sample->digest) << size;
    }
  }
}

TEST(RowsTest, SessionComesBack) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kGroup;
  spec.args.group_size = 64;
  spec.args.averaging_constant = 0.1;
  spec.retention = Retention::kFolded;
  spec.dtype = Dtype::kBF16;
  StoredSession session;
  session.identity = std::make_shared<const SessionIdentity>(
      SessionIdentity{*SessionName::Parse("runs/r/sessions/a.b/weight"), spec,
                      absl::FromUnixNanos(1'700'000'000'000'000'123)});
  session.series = SeriesId{77};
  for (const auto sealed : {std::optional<std::int64_t>(), std::optional<std::int64_t>(512)}) {
    session.sealed_count = sealed;
    const auto back = DecodeSession(EncodeSession(session));
    ASSERT_OK(back);
    EXPECT_EQ(back->identity->name.full(), session.identity->name.full());
    EXPECT_EQ(back->identity->spec, spec);
    EXPECT_EQ(back->identity->create_time, session.identity->create_time);
    EXPECT_EQ(back->series, session.series);
    EXPECT_EQ(back->sealed_count, sealed);
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeSession("nonsense").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeSession("").status()));
}

TEST(RowsTest, StateComesBack) {
  SeriesState state;
  state.observer_state = "bytes";
  state.last = Sample();
  state.qparam_shape = {1};
  state.dtype = Dtype::kF16;
  state.coverage.count = 5;
  state.coverage.folded_count = 4;
  state.coverage.num_observations = 99;
  state.coverage.empty_batches = 1;
  state.coverage.workers["w"] = {5, 99};
  const Checkpoint checkpoint{12, EncodeState(state)};
  const auto stored = DecodeCheckpoint(EncodeCheckpoint(checkpoint));
  ASSERT_OK(stored);
  EXPECT_EQ(stored->prefix_end, 12);
  const auto back = DecodeState(stored->state);
  ASSERT_OK(back);
  EXPECT_EQ(back->observer_state, "bytes");
  ExpectEqual(*back->last, *state.last);
  EXPECT_EQ(back->qparam_shape, state.qparam_shape);
  EXPECT_EQ(back->dtype, Dtype::kF16);
  EXPECT_EQ(back->coverage.count, 5);
  EXPECT_EQ(back->coverage.folded_count, 4);
  EXPECT_EQ(back->coverage.num_observations, 99);
  EXPECT_EQ(back->coverage.empty_batches, 1);
  EXPECT_EQ(back->coverage.workers.at("w").tokens, 99);
  EXPECT_TRUE(absl::IsDataLoss(DecodeCheckpoint(EncodeCheckpoint({-1, ""})).status()));
}

SeriesFacts SampleFacts() {
  SeriesFacts facts;
  const SessionSpec spec;
  const auto observed = Sample();
  for (const BatchIndex index : {BatchIndex{3}, BatchIndex{4}, BatchIndex{0}, kMaxBatchIndex}) {
    facts.Add(spec, index, *observed, kOne);
  }
  facts.checkpoint_end = 1;
  return facts;
}

TEST(RowsTest, FactsComeBack) {
  const SeriesFacts given = SampleFacts();
  for (const SeriesFacts& facts : {given, SeriesFacts()}) {
    const auto back = DecodeFacts(EncodeFacts(facts));
    ASSERT_OK(back);
    EXPECT_EQ(back->indices.Ranges(), facts.indices.Ranges());
    EXPECT_EQ(back->Summary(), facts.Summary());
    EXPECT_EQ(back->dtype, facts.dtype);
    EXPECT_EQ(back->qparam_shape, facts.qparam_shape);
    EXPECT_EQ(back->coverage.workers.size(), facts.coverage.workers.size());
  }
  EXPECT_EQ(DecodeFacts(EncodeFacts(given))->coverage.workers.at("worker \xff").tokens, 4 * 7);
}

// No dimensions are a shape, unless every record is empty.
TEST(RowsTest, ShapeWithoutDimensionsComesBack) {
  SeriesFacts facts = SampleFacts();
  facts.qparam_shape = std::vector<std::int64_t>();
  EXPECT_EQ(DecodeFacts(EncodeFacts(facts))->qparam_shape, facts.qparam_shape);
  facts.qparam_shape = std::nullopt;
  facts.coverage.empty_batches = facts.coverage.count;
  EXPECT_EQ(DecodeFacts(EncodeFacts(facts))->qparam_shape, std::nullopt);
  SeriesState state;
  state.last = Sample();
  state.dtype = Dtype::kF16;
  state.qparam_shape = std::vector<std::int64_t>();
  state.coverage.count = 2;
  state.coverage.empty_batches = 1;
  EXPECT_EQ(DecodeState(EncodeState(state))->qparam_shape, state.qparam_shape);
  state.dtype = std::nullopt;
  state.qparam_shape = std::nullopt;
  state.coverage.empty_batches = 2;
  EXPECT_EQ(DecodeState(EncodeState(state))->qparam_shape, std::nullopt);
  EXPECT_EQ(DecodeState(EncodeState(state))->dtype, std::nullopt);
}

TEST(RowsTest, InconsistentFactsAreDataLoss) {
  storage::v1::FactsRow row;
  ASSERT_TRUE(row.ParseFromString(EncodeFacts(SampleFacts())));
  const auto refused = [](const storage::v1::FactsRow& changed) {
    return absl::IsDataLoss(DecodeFacts(changed.SerializeAsString()).status());
  };
  EXPECT_FALSE(refused(row));
  storage::v1::FactsRow changed = row;
  changed.set_count(row.count() + 1);
  EXPECT_TRUE(refused(changed));
  changed = row;
  changed.clear_dtype();
  EXPECT_TRUE(refused(changed));
  changed = row;
  changed.set_dtype(99);
  EXPECT_TRUE(refused(changed));
  // Indices beyond the limit, a range without indices, and a range that touches the previous one.
  for (const auto& [place, value] :
       {std::pair<int, std::uint64_t>(0, ~std::uint64_t{0}), std::pair<int, std::uint64_t>(5, 2),
        std::pair<int, std::uint64_t>(1, 0), std::pair<int, std::uint64_t>(2, 0)}) {
    changed = row;
    changed.set_indices(place, value);
    EXPECT_TRUE(refused(changed)) << place;
  }
}

}  // namespace
}  // namespace calipers::server
