#ifndef CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_ROCKSDB_FIXTURE_H_
#define CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_ROCKSDB_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/storage/rocksdb/rocksdb_store.h"
#include "tests/support/stored.h"
#include "tests/support/temp_directory.h"

namespace calipers::testing {

/// A data directory, and a store in it.
class RocksdbTest : public ::testing::Test {
 protected:
  const std::string& path() const { return directory_.path(); }

  void Open() {
    auto store = server::RocksdbStore::Open(options_);
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  void Reopen() {
    store_.reset();
    Open();
  }

  TempDirectory directory_;
  server::RocksdbOptions options_{.directory = directory_.path()};
  std::unique_ptr<server::Store> store_;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_ROCKSDB_FIXTURE_H_
