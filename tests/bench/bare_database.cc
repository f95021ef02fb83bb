#include "tests/bench/bare_database.h"

#include <chrono>
#include <cstddef>
#include <memory>

#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/options.h"
#include "tests/bench/fail.h"

namespace calipers::bench {
namespace {

using Clock = std::chrono::steady_clock;

// The defaults of calipers-server.
constexpr std::size_t kCacheBytes = std::size_t{256} << 20;
constexpr int kCompressedLevel = 2;

void Check(const rocksdb::Status& status) {
  if (!status.ok()) Fail(status.ToString());
}

std::unique_ptr<rocksdb::DB> Open(const std::string& data_directory) {
  rocksdb::DB* db = nullptr;
  Check(rocksdb::DB::Open(server::MakeRocksdbOptions(rocksdb::Env::Default(), kCacheBytes),
                          data_directory + "/db", &db));
  return std::unique_ptr<rocksdb::DB>(db);
}

}  // namespace

double OpenAndReadSessions(const std::string& data_directory) {
  const Clock::time_point begin = Clock::now();
  const std::unique_ptr<rocksdb::DB> db = Open(data_directory);
  const server::KeyRange sessions = server::AllOf(server::RowKind::kSession);
  const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator({}));
  for (rows->Seek(sessions.begin); rows->Valid() && rows->key().compare(sessions.end) < 0;) {
    rows->Next();
  }
  Check(rows->status());
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void Compact(const std::string& data_directory) {
  const std::unique_ptr<rocksdb::DB> db = Open(data_directory);
  rocksdb::CompactRangeOptions options;
  options.change_level = true;
  options.target_level = kCompressedLevel;
  Check(db->CompactRange(options, nullptr, nullptr));
  // A second time, for tables that the first call only moved to this level.
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  Check(db->CompactRange(options, nullptr, nullptr));
}

}  // namespace calipers::bench
