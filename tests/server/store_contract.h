#ifndef CALIPERS_TESTS_SERVER_STORE_CONTRACT_H_
#define CALIPERS_TESTS_SERVER_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "server/store.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {

/// What every Store has to do. An implementation instantiates it with a type
/// that has `std::unique_ptr<Store> Make()`.
template <typename Factory>
class StoreContract : public ::testing::Test {
 protected:
  static std::vector<BatchIndex> Indices(const Store& store, SeriesId series, BatchIndex from) {
    std::vector<BatchIndex> indices;
    EXPECT_OK(
        store.Scan(series, from, [&](BatchIndex index, const auto&) { indices.push_back(index); }));
    return indices;
  }

  std::unique_ptr<Store> store_ = Factory().Make();
};

TYPED_TEST_SUITE_P(StoreContract);

TYPED_TEST_P(StoreContract, KeepsRecordsInIndexOrder) {
  const SeriesId series = *this->store_->CreateSeries();
  for (BatchIndex index : {5, 1, 9, 0}) {
    EXPECT_EQ(*this->store_->PutIfAbsent(series, index, testing::MakeRecord(0, double(index))),
              PutOutcome::kStored);
  }
  EXPECT_EQ(this->Indices(*this->store_, series, 0), (std::vector<BatchIndex>{0, 1, 5, 9}));
  EXPECT_EQ(this->Indices(*this->store_, series, 2), (std::vector<BatchIndex>{5, 9}));
  EXPECT_EQ(this->Indices(*this->store_, series, 10), (std::vector<BatchIndex>{}));
  EXPECT_OK(this->store_->Scan(series, 5, [&](BatchIndex index, const auto& record) {
    EXPECT_EQ(*record, *testing::MakeRecord(0, double(index)));
  }));
}

TYPED_TEST_P(StoreContract, TheFirstRecordStays) {
  const SeriesId series = *this->store_->CreateSeries();
  const auto first = testing::MakeRecord(0, 1);
  EXPECT_EQ(*this->store_->PutIfAbsent(series, 3, first), PutOutcome::kStored);
  EXPECT_EQ(*this->store_->PutIfAbsent(series, 3, testing::MakeRecord(0, 1)),
            PutOutcome::kDuplicate);
  EXPECT_EQ(*this->store_->PutIfAbsent(series, 3, testing::MakeRecord(0, 2)),
            PutOutcome::kConflict);
  EXPECT_EQ(*this->store_->PutIfAbsent(series, 3, testing::MakeRecord(0, 1, 9)),
            PutOutcome::kConflict);
  EXPECT_OK(this->store_->Scan(
      series, 0, [&](BatchIndex, const auto& record) { EXPECT_EQ(*record, *first); }));
}

TYPED_TEST_P(StoreContract, SeriesAreApart) {
  const SeriesId a = *this->store_->CreateSeries();
  const SeriesId b = *this->store_->CreateSeries();
  EXPECT_NE(a, b);
  EXPECT_EQ(*this->store_->PutIfAbsent(a, 0, testing::MakeRecord(0, 1)), PutOutcome::kStored);
  EXPECT_TRUE(this->Indices(*this->store_, b, 0).empty());
}

TYPED_TEST_P(StoreContract, ADeletedSeriesIsGoneForGood) {
  const SeriesId series = *this->store_->CreateSeries();
  EXPECT_OK(this->store_->PutIfAbsent(series, 0, testing::MakeRecord(0, 1)));
  EXPECT_OK(this->store_->DeleteSeries(series));
  EXPECT_OK(this->store_->DeleteSeries(series));
  EXPECT_TRUE(
      absl::IsNotFound(this->store_->PutIfAbsent(series, 1, testing::MakeRecord(0, 1)).status()));
  EXPECT_TRUE(absl::IsNotFound(this->store_->Scan(series, 0, [](BatchIndex, const auto&) {})));
  EXPECT_NE(*this->store_->CreateSeries(), series);
}

TYPED_TEST_P(StoreContract, OfManyWritersOneStores) {
  const SeriesId series = *this->store_->CreateSeries();
  constexpr int kWriters = 4;
  constexpr BatchIndex kRecords = 200;
  std::vector<int> stored(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (BatchIndex i = 0; i < kRecords; ++i) {
        const auto outcome =
            this->store_->PutIfAbsent(series, i, testing::MakeRecord(0, double(i)));
        if (outcome.ok() && *outcome == PutOutcome::kStored) ++stored[std::size_t(w)];
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  int sum = 0;
  for (int count : stored) sum += count;
  EXPECT_EQ(sum, kRecords);
  EXPECT_EQ(this->Indices(*this->store_, series, 0).size(), std::size_t{kRecords});
}

REGISTER_TYPED_TEST_SUITE_P(StoreContract, KeepsRecordsInIndexOrder, TheFirstRecordStays,
                            SeriesAreApart, ADeletedSeriesIsGoneForGood, OfManyWritersOneStores);

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORE_CONTRACT_H_
