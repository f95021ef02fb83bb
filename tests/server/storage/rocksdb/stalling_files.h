#ifndef CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_STALLING_FILES_H_
#define CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_STALLING_FILES_H_

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "rocksdb/file_system.h"

namespace calipers::testing {

/// A file system on a device that stops: between Stall and Resume, all reads and writes wait. A
/// watched thread never waits; its reads and writes are counted. Thread-safe.
class StallingFiles final : public rocksdb::FileSystemWrapper {
 public:
  StallingFiles() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  ~StallingFiles() override { Resume(); }
  const char* Name() const override { return "StallingFiles"; }

  void Stall() { Set(true); }
  void Resume() { Set(false); }
  /// From now on, reads and writes of this thread are counted.
  void WatchThisThread() {
    const absl::MutexLock lock(&mu_);
    watched_ = std::this_thread::get_id();
  }
  /// Number of reads and writes that the watched thread requested while the device was stalled.
  int watched_calls() const {
    const absl::MutexLock lock(&mu_);
    return watched_calls_;
  }
  /// Waits until a thread waits for the device. False if none did within 10 seconds.
  bool WaitUntilAThreadWaits() const {
    const auto waits = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return waiting_ > 0; };
    const absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&waits), absl::Seconds(10));
  }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    Pass();
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<WritableFile>(std::move(*file), this);
    return status;
  }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override {
    Pass();
    rocksdb::IOStatus status = FileSystemWrapper::NewRandomAccessFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<RandomAccessFile>(std::move(*file), this);
    return status;
  }

 private:
  class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, StallingFiles* files)
        : FSWritableFileOwnerWrapper(std::move(file)), files_(files) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      files_->Pass();
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo&,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
      files_->Pass();
      return FSWritableFileOwnerWrapper::Sync(options, debug);
    }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                            rocksdb::IODebugContext* debug) override {
      return Sync(options, debug);
    }

   private:
    StallingFiles* const files_;
  };

  class RandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
   public:
    RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, StallingFiles* files)
        : FSRandomAccessFileOwnerWrapper(std::move(file)), files_(files) {}

    rocksdb::IOStatus Read(uint64_t offset, std::size_t size, const rocksdb::IOOptions& options,
                           rocksdb::Slice* result, char* scratch,
                           rocksdb::IODebugContext* debug) const override {
      files_->Pass();
      return FSRandomAccessFileOwnerWrapper::Read(offset, size, options, result, scratch, debug);
    }
    rocksdb::IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                                const rocksdb::IOOptions& options,
                                rocksdb::IODebugContext* debug) override {
      files_->Pass();
      return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, debug);
    }

   private:
    StallingFiles* const files_;
  };

  void Set(bool stalled) {
    const absl::MutexLock lock(&mu_);
    stalled_ = stalled;
  }

  void Pass() {
    const absl::MutexLock lock(&mu_);
    if (!stalled_) return;
    if (std::this_thread::get_id() == watched_) {
      ++watched_calls_;
      return;
    }
    const auto resumed = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !stalled_; };
    ++waiting_;
    mu_.Await(absl::Condition(&resumed));
    --waiting_;
  }

  mutable absl::Mutex mu_;
  bool stalled_ ABSL_GUARDED_BY(mu_) = false;
  std::thread::id watched_ ABSL_GUARDED_BY(mu_);
  int watched_calls_ ABSL_GUARDED_BY(mu_) = 0;
  int waiting_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SERVER_STORAGE_ROCKSDB_STALLING_FILES_H_
