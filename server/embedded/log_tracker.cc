#include "server/embedded/log_tracker.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "core/status_macros.h"
#include "server/embedded/errors.h"
#include "server/embedded/files.h"

namespace calipers::server {

class LogTracker::Log final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  Log(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, LogTracker* tracker)
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
    if (!status.ok()) {
      damaged_ = true;
    } else if (!damaged_) {
      size_ += data.size();
      if (!tracker_->synced_) tracker_->Keep(path_, size_);
    }
    return status;
  }
  rocksdb::IOStatus Synced(rocksdb::IOStatus status) {
    // After a sync that failed, a later one that succeeds says nothing about what the
    // first did not write.
    if (!status.ok()) damaged_ = true;
    if (!damaged_ && tracker_->synced_) tracker_->Keep(path_, size_);
    return status;
  }

  const std::string path_;
  LogTracker* const tracker_;
  std::uint64_t size_ = 0;
  bool damaged_ = false;
};

LogTracker::LogTracker(const std::shared_ptr<rocksdb::FileSystem>& base, Durability durability)
    : FileSystemWrapper(base), synced_(durability == Durability::kSync) {}

rocksdb::IOStatus LogTracker::NewWritableFile(const std::string& path,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (!status.ok() || !absl::EndsWith(path, ".log")) return status;
  Keep(path, 0);
  *file = std::make_unique<Log>(std::move(*file), path, this);
  return status;
}

rocksdb::IOStatus LogTracker::DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                         rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (status.ok()) {
    absl::MutexLock lock(&mu_);
    kept_.erase(path);
  }
  return status;
}

absl::Status LogTracker::CutLogs() {
  absl::MutexLock lock(&mu_);
  for (const auto& [path, kept] : kept_) {
    ASSIGN_OR_RETURN(const bool there, server::FileExists(*target(), path));
    if (there) RETURN_IF_ERROR(Cut(path, kept));
  }
  return absl::OkStatus();
}

absl::Status LogTracker::Cut(const std::string& path, std::uint64_t size) {
  std::string content;
  RETURN_IF_ERROR(FromDisk(rocksdb::ReadFileToString(target(), path, &content), "reading", path));
  if (content.size() <= size) return absl::OkStatus();
  // RocksDB's own file system cannot truncate a file by its path.
  return WriteFileDurably(*target(), path, absl::string_view(content).substr(0, size));
}

void LogTracker::Keep(const std::string& path, std::uint64_t size) {
  absl::MutexLock lock(&mu_);
  kept_[path] = size;
}

}  // namespace calipers::server
