#ifndef CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_FAULTY_FILES_H_
#define CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_FAULTY_FILES_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "rocksdb/file_system.h"

namespace calipers::testing {

/// A file system that fails as a test requires. Thread-safe.
class FaultyFiles final : public rocksdb::FileSystemWrapper {
 public:
  enum class What {
    kAppend,       // fails before any data are written
    kShortAppend,  // fails after half of the data was written
    kFullDisk,     // the same, because the disk is full
    kSync,
  };

  FaultyFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFiles"; }

  /// From the `after`-th operation of this kind on (0 is the next), `count` operations fail on
  /// files that end with `suffix`.
  void Fail(What what, std::string suffix, int after, int count) {
    what_ = what;
    suffix_ = std::move(suffix);
    left_ = after;
    failing_ = count;
  }
  void Heal() { failing_ = 0; }
  /// True if all requested failures have happened.
  bool done() const { return failing_ <= 0; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), path, this);
    return status;
  }

 private:
  class File final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, FaultyFiles* files)
        : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), files_(files) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (files_->what_ == What::kSync || !files_->FailsNow(path_)) {
        return FSWritableFileOwnerWrapper::Append(data, options, debug);
      }
      if (files_->what_ != What::kAppend) {
        const rocksdb::Slice half(data.data(), data.size() / 2);
        FSWritableFileOwnerWrapper::Append(half, options, debug).PermitUncheckedError();
      }
      return files_->what_ == What::kFullDisk ? rocksdb::IOStatus::NoSpace("no space left")
                                              : rocksdb::IOStatus::IOError("broken");
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      if (files_->what_ == What::kSync && files_->FailsNow(path_)) {
        return rocksdb::IOStatus::IOError("broken");
      }
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      return Sync(options, debug);
    }

   private:
    const std::string path_;
    FaultyFiles* const files_;
  };

  bool FailsNow(const std::string& path) {
    if (failing_ <= 0 || !absl::EndsWith(path, suffix_)) return false;
    if (left_ > 0) {
      --left_;
      return false;
    }
    return failing_-- > 0;
  }

  std::atomic<What> what_{What::kAppend};
  std::string suffix_;
  std::atomic<int> left_{0};
  std::atomic<int> failing_{0};
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_FAULTY_FILES_H_
