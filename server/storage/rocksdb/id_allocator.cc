#include "server/storage/rocksdb/id_allocator.h"

#include <optional>
#include <string>

#include "core/status_macros.h"
#include "server/storage/rocksdb/fixed64.h"
#include "server/storage/rocksdb/keys.h"
#include "server/storage/rocksdb/row_checksum.h"

namespace calipers::server {
namespace {

// Numbers that one write reserves. A restart loses at most this many, which does not matter.
constexpr std::uint64_t kGivenAtOnce = 4096;

std::string RowKey() { return MetadataKey("next_id"); }

}  // namespace

absl::Status IdAllocator::Load() {
  ASSIGN_OR_RETURN(const std::optional<std::string> body, database_->Get(RowKey()));
  if (!body) return absl::OkStatus();
  absl::MutexLock lock(&mu_);
  ASSIGN_OR_RETURN(next_, DecodeNumber(RowKey(), *body));
  end_ = next_;
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> IdAllocator::Next() {
  absl::MutexLock lock(&mu_);
  if (next_ == end_) {
    rocksdb::WriteBatch batch;
    PutRow(RowKey(), EncodeNumber(end_ + kGivenAtOnce), batch);
    RETURN_IF_ERROR(database_->Write(batch, Database::Keep::kBeforeReturn));
    end_ += kGivenAtOnce;
  }
  return next_++;
}

}  // namespace calipers::server
