#ifndef CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CONCURRENCY_H_
#define CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CONCURRENCY_H_

#include <atomic>
#include <thread>
#include <vector>

#include "tests/server/storage/store_contract_fixture.h"

// The part of the store contract about calls of several threads. Include store_contract.h.
namespace calipers::server {

TYPED_TEST_P(StoreContract, OnlyOneOfManyWritersStoresARecord) {
  const SeriesId series = this->Create();
  constexpr int kWriters = 4;
  constexpr BatchIndex kRecords = 200;
  std::atomic<int> stored{0};
  std::atomic<int> duplicates{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Store& store = w % 2 == 0 ? this->store() : this->another();
      for (BatchIndex i = 0; i < kRecords; ++i) {
        const PutResult result = testing::PutOne(store, series, i, double(i));
        (result.outcome == PutResult::kStored ? stored : duplicates) += 1;
        EXPECT_NE(result.outcome, PutResult::kConflict);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(stored, kRecords);
  EXPECT_EQ(duplicates, (kWriters - 1) * kRecords);
  EXPECT_EQ(testing::IndicesOf(this->store(), series).size(), std::size_t{kRecords});
}

TYPED_TEST_P(StoreContract, ConcurrentAppendsGetDistinctIndices) {
  const SeriesId series = this->Create();
  constexpr int kWriters = 4;
  constexpr int kRecords = 100;
  std::vector<std::vector<BatchIndex>> indices(kWriters);
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      Store& store = w % 2 == 0 ? this->store() : this->another();
      for (int i = 0; i < kRecords; ++i) {
        indices[std::size_t(w)].push_back(testing::PutOne(store, series, std::nullopt, 1).index);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  std::set<BatchIndex> all;
  for (const auto& mine : indices) {
    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(all.size(), std::size_t(kWriters * kRecords));
  EXPECT_EQ(*all.rbegin(), kWriters * kRecords - 1);
}

TYPED_TEST_P(StoreContract, ConcurrentCreatesGetDistinctSeries) {
  constexpr int kThreads = 4;
  constexpr int kSessions = 50;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSessions; ++i) {
        this->Create("r" + std::to_string(i / 10),
                     std::to_string(t) + "." + std::to_string(i) + "/input");
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<SeriesId> ids;
  for (const auto& [name, session] : testing::SessionsOf(this->store())) ids.insert(session.series);
  EXPECT_EQ(ids.size(), std::size_t(kThreads * kSessions));
}

TYPED_TEST_P(StoreContract, OnlyOneOfManyCreatesGetsTheName) {
  constexpr int kThreads = 4;
  constexpr int kNames = 25;
  std::atomic<int> created{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      Store& store = t % 2 == 0 ? this->store() : this->another();
      for (int i = 0; i < kNames; ++i) {
        const auto series =
            store.CreateSession(testing::MakeIdentity("r", std::to_string(i) + "/input"));
        if (series.ok()) {
          ++created;
        } else {
          EXPECT_TRUE(absl::IsAlreadyExists(series.status())) << series.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(created, kNames);
  EXPECT_EQ(testing::SessionsOf(this->store()).size(), std::size_t(kNames));
}

TYPED_TEST_P(StoreContract, WhatComesAfterASealIsRefused) {
  const SeriesId series = this->Create();
  std::thread writer([&] {
    for (BatchIndex i = 0; i < 500; ++i) testing::PutOne(this->store(), series, i, 1);
  });
  absl::StatusOr<std::int64_t> sealed = absl::UnknownError("");
  while (!sealed.ok()) sealed = this->store().Seal(series, std::nullopt);
  const std::size_t at_seal = testing::IndicesOf(this->store(), series).size();
  writer.join();
  EXPECT_EQ(at_seal, std::size_t(*sealed));
  EXPECT_EQ(testing::IndicesOf(this->store(), series).size(), std::size_t(*sealed));
}

TYPED_TEST_P(StoreContract, RunCanBeDeletedDuringPuts) {
  const RunName run = *RunName::Parse("runs/r");
  for (int round = 0; round < 5; ++round) {
    const SeriesId series = this->Create();
    std::atomic<bool> refused{false};
    std::vector<std::thread> threads;
    threads.emplace_back([&] {
      for (BatchIndex i = 0; !refused; ++i) {
        const PutResult result = testing::PutOne(this->store(), series, i, 1);
        if (result.outcome == PutResult::kStored) continue;
        EXPECT_TRUE(absl::IsNotFound(result.status)) << result.status;
        refused = true;
      }
    });
    threads.emplace_back([&] {
      while (!refused) {
        const auto reader = this->store().Read(series, 0);
        if (reader.ok()) testing::Drain(**reader);
      }
    });
    while (testing::IndicesOf(this->store(), series).size() < 10) std::this_thread::yield();
    EXPECT_OK(this->store().DeleteRun(run));
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(testing::SessionsOf(this->store()).empty());
  }
}

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_STORAGE_STORE_CONTRACT_CONCURRENCY_H_
