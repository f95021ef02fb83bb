#include "server/storage/rocksdb/synced_wal_length.h"

#include <utility>

#include "absl/strings/match.h"

namespace calipers::server {

class SyncedWalLength::Log final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, SyncedWalLength* tracker)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), tracker_(tracker) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return Appended(data, FSWritableFileOwnerWrapper::Append(data, options, debug));
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& info,
                           rocksdb::IODebugContext* debug) override {
    return Appended(data, FSWritableFileOwnerWrapper::Append(data, options, info, debug));
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return Synced(FSWritableFileOwnerWrapper::Sync(options, debug));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Synced(FSWritableFileOwnerWrapper::Fsync(options, debug));
  }

 private:
  rocksdb::IOStatus Appended(const rocksdb::Slice& data, rocksdb::IOStatus status) {
    absl::MutexLock lock(&mu_);
    if (!status.ok()) {
      damaged_ = true;
    } else if (!damaged_) {
      size_ += data.size();
      if (!tracker_->synced_) tracker_->Keep(path_, size_);
    }
    return status;
  }
  rocksdb::IOStatus Synced(rocksdb::IOStatus status) {
    absl::MutexLock lock(&mu_);
    // After a failed sync, the success of a later sync does not prove that the data of the first
    // were written.
    if (!status.ok()) damaged_ = true;
    if (!damaged_ && tracker_->synced_) tracker_->Keep(path_, size_);
    return status;
  }

  const std::string path_;
  SyncedWalLength* const tracker_;
  // RocksDB writes a log from one thread at a time, but not always from the same thread.
  absl::Mutex mu_;
  std::uint64_t size_ ABSL_GUARDED_BY(mu_) = 0;
  bool damaged_ ABSL_GUARDED_BY(mu_) = false;
};

namespace {

// Truncates the open file, because not every file system implements Truncate itself.
rocksdb::IOStatus Cut(rocksdb::FileSystem& files, const std::string& path, std::uint64_t size) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = files.ReopenWritableFile(path, {}, &file, nullptr);
  if (status.ok()) status = file->Truncate(size, {}, nullptr);
  if (status.ok()) status = file->Fsync({}, nullptr);
  if (status.ok()) status = file->Close({}, nullptr);
  return status;
}

}  // namespace

SyncedWalLength::SyncedWalLength(const std::shared_ptr<rocksdb::FileSystem>& base,
                                 Durability durability)
    : FileSystemWrapper(base), synced_(durability == Durability::kSync) {}

rocksdb::IOStatus SyncedWalLength::NewWritableFile(const std::string& path,
                                                   const rocksdb::FileOptions& options,
                                                   std::unique_ptr<rocksdb::FSWritableFile>* file,
                                                   rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (!status.ok() || !absl::EndsWith(path, ".log")) return status;
  Keep(path, 0);
  *file = std::make_unique<Log>(std::move(*file), path, this);
  return status;
}

rocksdb::IOStatus SyncedWalLength::DeleteFile(const std::string& path,
                                              const rocksdb::IOOptions& options,
                                              rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (status.ok()) {
    absl::MutexLock lock(&mu_);
    kept_.erase(path);
  }
  return status;
}

rocksdb::IOStatus SyncedWalLength::CutLogs() {
  absl::MutexLock lock(&mu_);
  for (const auto& [path, kept] : kept_) {
    std::uint64_t size = 0;
    rocksdb::IOStatus status = GetFileSize(path, {}, &size, nullptr);
    if (status.ok() && size > kept) status = Cut(*this, path, kept);
    if (!status.ok() && !status.IsNotFound() && !status.IsPathNotFound()) return status;
  }
  return rocksdb::IOStatus::OK();
}

void SyncedWalLength::Keep(const std::string& path, std::uint64_t size) {
  absl::MutexLock lock(&mu_);
  kept_[path] = size;
}

}  // namespace calipers::server
