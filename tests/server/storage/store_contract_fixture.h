#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FIXTURE_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "server/storage/store.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"
#include "tests/support/stored.h"

namespace calipers::server {

/// The tests that every Store must pass. An implementation instantiates them with a type that has
/// `Store& store()` and `Store& another()`. store() is an empty store that lives as long as the
/// object. another() is the store of another server with the same records, or the same store if
/// only one process can have the records.
template <typename Holder>
class StoreContract : public ::testing::Test {
 protected:
  Store& store() { return holder_.store(); }
  Store& another() { return holder_.another(); }

  SeriesFacts FactsOf(SeriesId series) {
    const absl::StatusOr<SeriesFacts> facts = store().Facts(series);
    EXPECT_OK(facts);
    const absl::StatusOr<SeriesSummary> summary = store().Summary(series);
    EXPECT_OK(summary);
    EXPECT_EQ(summary.value_or(SeriesSummary()), facts.value_or(SeriesFacts()).Summary());
    return facts.value_or(SeriesFacts());
  }

  // A float32 record of two parameters at the index, to be put.
  static NewRecord OfTwoParameters(SeriesId series, BatchIndex index) {
    const std::vector<std::byte> zeros(8);
    const auto values = absl::MakeConstSpan(zeros);
    return {series,
            index,
            SeriesRecord::Make(
                *Record::Make(Dtype::kF32, 1, values, values, values.first(4), values.first(4)),
                {2}, std::make_shared<const std::string>("w0")),
            {2}};
  }

  // A record of one zero, to be put.
  static NewRecord Zero(SeriesId series, BatchIndex index, Dtype dtype) {
    const std::vector<std::byte> zero(ByteSize(dtype));
    return {series,
            index,
            SeriesRecord::Make(*Record::Make(dtype, 1, zero, zero, zero, zero), {1},
                               std::make_shared<const std::string>("w0")),
            {1}};
  }

  // An empty record of this dtype, to be put.
  static NewRecord Empty(SeriesId series, BatchIndex index, Dtype dtype) {
    return {series,
            index,
            SeriesRecord::Make(Record::Empty(dtype, 0), {0, 4},
                               std::make_shared<const std::string>("w0")),
            {1}};
  }

  PutResult Put(const NewRecord& record) { return store().PutIfAbsent({&record, 1}).at(0); }

  SeriesId Create(const std::string& run = "r", const std::string& session = "layer/input") {
    const absl::StatusOr<SeriesId> series =
        store().CreateSession(testing::MakeIdentity(run, session));
    EXPECT_OK(series);
    return series.value_or(SeriesId{0});
  }

  void Fill(SeriesId series, BatchIndex end) {
    std::vector<NewRecord> records;
    for (BatchIndex i = 0; i < end; ++i) {
      records.push_back(testing::MakeNew(series, i, double(i)));
    }
    for (const PutResult& result : store().PutIfAbsent(records)) {
      EXPECT_EQ(result.outcome, PutResult::kStored) << result.status;
    }
  }

  // Expects that every call for the series fails.
  void ExpectGone(SeriesId series) {
    using testing::StatusIs;
    const auto gone = StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr("deleted"));
    const PutResult put = testing::PutOne(store(), series, 7, 1);
    EXPECT_EQ(put.outcome, PutResult::kRefused);
    EXPECT_EQ(put.index, 7);
    EXPECT_THAT(put.status, gone);
    EXPECT_THAT(store().Facts(series), gone);
    EXPECT_THAT(store().Summary(series), gone);
    EXPECT_THAT(store().Read(series, 0), gone);
    EXPECT_THAT(store().Seal(series, 1), gone);
    EXPECT_THAT(store().ReadCheckpoint(series), gone);
    EXPECT_THAT(store().WriteCheckpoint(series, {1, "state"}, false), gone);
    EXPECT_THAT(store().ResetSession(series), gone);
    EXPECT_OK(store().DeleteSession(series));
  }

  Holder holder_;
};

TYPED_TEST_SUITE_P(StoreContract);

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_FIXTURE_H_
