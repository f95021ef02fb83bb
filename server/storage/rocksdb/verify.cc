#include "server/storage/rocksdb/verify.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"
#include "server/storage/rocksdb/deferred_delete.h"
#include "server/storage/rocksdb/fixed64.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/options.h"
#include "server/storage/rocksdb/rocksdb_status.h"
#include "server/storage/rocksdb/row_checksum.h"
#include "server/storage/rocksdb/wal_check.h"
#include "server/storage/rows.h"

namespace calipers::server {
namespace {

constexpr std::size_t kCacheBytes = std::size_t{8} << 20;

absl::Status VerifyBody(absl::string_view key, absl::string_view body) {
  switch (static_cast<RowKind>(key[0])) {
    case RowKind::kMetadata:
    case RowKind::kRun:
      return DecodeNumber(key, body).status();
    case RowKind::kSession:
      return DecodeSession(body).status();
    case RowKind::kObserved:
      return DecodeObserved(body).status();
    case RowKind::kCheckpoint:
      return DecodeCheckpoint(body).status();
    case RowKind::kFacts:
      return DecodeFacts(body).status();
    case RowKind::kRemoval:
      return CheckRemoval(key, body);
  }
  return absl::DataLossError("unknown row kind");
}

absl::Status VerifyRow(absl::string_view key, absl::string_view value) {
  if (key.empty()) return absl::DataLossError("a row has an empty key");
  ASSIGN_OR_RETURN(const absl::string_view body, CheckedBody(key, value));
  absl::Status status = VerifyBody(key, body);
  if (status.ok()) return status;
  return absl::DataLossError(absl::StrCat(Describe(key), ": ", status.message()));
}

}  // namespace

absl::Status VerifyDatabase(const std::string& path) {
  RETURN_IF_ERROR(CheckWals(*rocksdb::FileSystem::Default(), path));
  rocksdb::DB* opened = nullptr;
  RETURN_IF_ERROR(
      FromDisk(rocksdb::DB::OpenForReadOnly(
                   MakeRocksdbOptions(rocksdb::Env::Default(), kCacheBytes), path, &opened),
               "opening", path));
  const std::unique_ptr<rocksdb::DB> db(opened);
  rocksdb::ReadOptions options = MakeReadOptions();
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> rows(db->NewIterator(options));
  for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
    RETURN_IF_ERROR(VerifyRow({rows->key().data(), rows->key().size()},
                              {rows->value().data(), rows->value().size()}));
  }
  return FromDisk(rows->status(), "reading", path);
}

}  // namespace calipers::server
