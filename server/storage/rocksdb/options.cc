#include "server/storage/rocksdb/options.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "rocksdb/cache.h"
#include "rocksdb/convenience.h"
#include "rocksdb/table.h"
#include "server/storage/rocksdb/memtable_insert_hint.h"
#include "server/storage/rocksdb/rocksdb_log.h"

namespace calipers::server {
namespace {

bool Supports(rocksdb::CompressionType type) {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  return std::find(supported.begin(), supported.end(), type) != supported.end();
}

void CheckEverything(rocksdb::Options& options) {
  options.paranoid_checks = true;
  options.force_consistency_checks = true;
  // Recovery stops with an error at a damaged place, instead of dropping the rest of the log. But
  // it accepts a write that a crash interrupted as the end of the log.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.recycle_log_file_num = 0;
  // Only Database retries a failed device.
  options.max_bgerror_resume_count = 0;
}

void BoundMemoryAndFiles(rocksdb::Options& options, std::size_t cache_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes);
  table.block_size = std::size_t{16} << 10;
  // The default of RocksDB 7.8 (Debian 12), which cannot read 6, the default of 9.10 (Debian 13).
  table.format_version = 5;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = std::size_t{64} << 20;
  options.max_write_buffer_number = 3;
  options.max_total_wal_size = std::size_t{256} << 20;
  options.max_open_files = 512;
  options.max_background_jobs = 2;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
}

}  // namespace

rocksdb::Options MakeRocksdbOptions(rocksdb::Env* env, std::size_t cache_bytes,
                                    std::size_t table_bytes) {
  rocksdb::Options options;
  options.env = env;
  options.info_log = std::make_shared<RocksdbLog>();
  CheckEverything(options);
  BoundMemoryAndFiles(options, cache_bytes);
  options.target_file_size_base = table_bytes;
  options.memtable_insert_with_hint_prefix_extractor = std::make_shared<MemtableInsertHint>();
  // Floats hardly compress, but the data around them do. New tables are merged soon, so the first
  // levels are not compressed.
  options.compression = rocksdb::kNoCompression;
  if (Supports(rocksdb::kLZ4Compression)) {
    options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression,
                                     rocksdb::kLZ4Compression};
  }
  return options;
}

rocksdb::ReadOptions MakeReadOptions() {
  rocksdb::ReadOptions options;
  options.ignore_range_deletions = true;
  return options;
}

}  // namespace calipers::server
