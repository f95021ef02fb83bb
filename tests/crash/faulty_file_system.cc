#include "tests/crash/faulty_file_system.h"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace calipers::crash {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

absl::string_view KindOf(const std::string& path) {
  const std::string name = std::filesystem::path(path).filename();
  if (absl::EndsWith(name, ".log")) return "wal";
  if (absl::EndsWith(name, ".sst") || absl::EndsWith(name, ".blob")) return "table";
  if (absl::StartsWith(name, "MANIFEST-")) return "manifest";
  if (name == "CURRENT") return "current";
  return "other";
}

IOStatus ToStatus(Fault::Error error, const std::string& path) {
  if (error == Fault::kIo) return IOStatus::IOError(path, "Input/output error");
  return IOStatus::NoSpace(path, "No space left on device");
}

}  // namespace

class FaultyFileSystem::Core {
 public:
  explicit Core(Options options)
      : faults(std::move(options.faults)),
        at_point(std::move(options.at_point)),
        on_fault(std::move(options.on_fault)),
        journal(std::move(options.journal)) {}

  /// Does the operation between its two points, unless it must fail.
  IOStatus Do(const std::string& path, absl::string_view kind, absl::string_view operation,
              absl::FunctionRef<IOStatus()> work) {
    at_point(absl::StrCat("before-", kind, "-", operation));
    const std::optional<Fault::Error> error = NextFault(kind, operation);
    if (error) return ToStatus(*error, path);
    IOStatus status = work();
    if (status.ok()) at_point(absl::StrCat("after-", kind, "-", operation));
    return status;
  }

  /// Does a read, which passes no points.
  IOStatus Read(const std::string& path, absl::FunctionRef<IOStatus()> work) {
    const std::optional<Fault::Error> error = NextFault(KindOf(path), "read");
    return error ? ToStatus(*error, path) : work();
  }

  /// The error with which this operation must fail, if any. Called once for each operation.
  std::optional<Fault::Error> NextFault(absl::string_view kind, absl::string_view operation) {
    const std::optional<Fault::Error> error = faults.Next(kind, operation);
    if (error) on_fault(absl::StrCat(kind, "-", operation));
    return error;
  }

  FaultPlan faults;
  const AtPoint at_point;
  const AtPoint on_fault;
  const std::shared_ptr<SyncJournal> journal;
};

namespace {

using Core = FaultyFileSystem::Core;

class WritableFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WritableFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
               std::shared_ptr<Core> core)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        core_(std::move(core)) {}

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    core_->at_point(absl::StrCat("before-", KindOf(path_), "-append"));
    const std::optional<Fault::Error> error = core_->NextFault(KindOf(path_), "append");
    // RocksDB does not check how much of a failed append was written.
    const Slice part(data.data(), error == Fault::kShort ? data.size() / 2 : data.size());
    if (!error || error == Fault::kShort) {
      IOStatus status = FSWritableFileOwnerWrapper::Append(part, options, debug);
      if (!status.ok()) return status;
      written_ += part.size();
    }
    if (error) return ToStatus(*error, path_);
    core_->at_point(absl::StrCat("after-", KindOf(path_), "-append"));
    return IOStatus::OK();
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Flush(const IOOptions& options, IODebugContext* debug) override {
    return core_->Do(path_, KindOf(path_), "flush",
                     [&] { return FSWritableFileOwnerWrapper::Flush(options, debug); });
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return NoteSync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return NoteSync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  IOStatus NoteSync(absl::FunctionRef<IOStatus()> sync) {
    return core_->Do(path_, KindOf(path_), "sync", [&] {
      // Data that another thread appends during the sync may not be part of it.
      const std::uint64_t size = written_;
      IOStatus status = sync();
      if (status.ok() && core_->journal != nullptr) core_->journal->Synced(path_, size);
      return status;
    });
  }

  const std::string path_;
  const std::shared_ptr<Core> core_;
  std::atomic<std::uint64_t> written_{0};
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path,
            std::shared_ptr<Core> core)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), core_(std::move(core)) {}

  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return NoteSync([&] { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& what) override {
    return NoteSync([&] { return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, what); });
  }

 private:
  IOStatus NoteSync(absl::FunctionRef<IOStatus()> sync) {
    return core_->Do(path_, "directory", "sync", [&] {
      IOStatus status = sync();
      if (status.ok() && core_->journal != nullptr) core_->journal->DirectorySynced(path_);
      return status;
    });
  }

  const std::string path_;
  const std::shared_ptr<Core> core_;
};

class SequentialFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::string path,
                 std::shared_ptr<Core> core)
      : FSSequentialFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        core_(std::move(core)) {}

  IOStatus Read(std::size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    return core_->Read(path_, [&] {
      return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
    });
  }

 private:
  const std::string path_;
  const std::shared_ptr<Core> core_;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile> file, std::string path,
                   std::shared_ptr<Core> core)
      : FSRandomAccessFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        core_(std::move(core)) {}

  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* debug) const override {
    return core_->Read(path_, [&] {
      return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
    });
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count, const IOOptions& options,
                     IODebugContext* debug) override {
    return core_->Read(path_, [&] {
      return FSRandomAccessFileOwnerWrapper::MultiRead(requests, count, options, debug);
    });
  }

 private:
  const std::string path_;
  const std::shared_ptr<Core> core_;
};

// Wraps a file that was opened in the file class of this project.
template <typename Wrapper, typename File>
IOStatus Wrap(IOStatus status, const std::string& path, const std::shared_ptr<Core>& core,
              std::unique_ptr<File>* file) {
  if (status.ok()) *file = std::make_unique<Wrapper>(std::move(*file), path, core);
  return status;
}

}  // namespace

FaultyFileSystem::FaultyFileSystem(std::shared_ptr<rocksdb::FileSystem> base, Options options)
    : FileSystemWrapper(std::move(base)), core_(std::make_shared<Core>(std::move(options))) {}

IOStatus FaultyFileSystem::NewSequentialFile(const std::string& path, const FileOptions& options,
                                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                             IODebugContext* debug) {
  return Wrap<SequentialFile>(FileSystemWrapper::NewSequentialFile(path, options, file, debug),
                              path, core_, file);
}

IOStatus FaultyFileSystem::NewRandomAccessFile(const std::string& path, const FileOptions& options,
                                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                               IODebugContext* debug) {
  return Wrap<RandomAccessFile>(FileSystemWrapper::NewRandomAccessFile(path, options, file, debug),
                                path, core_, file);
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& path, const FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                                           IODebugContext* debug) {
  return core_->Do(path, KindOf(path), "create", [&] {
    IOStatus status = Wrap<WritableFile>(
        FileSystemWrapper::NewWritableFile(path, options, file, debug), path, core_, file);
    if (status.ok() && core_->journal != nullptr) core_->journal->Created(path);
    return status;
  });
}

IOStatus FaultyFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                        std::unique_ptr<rocksdb::FSDirectory>* directory,
                                        IODebugContext* debug) {
  return Wrap<Directory>(FileSystemWrapper::NewDirectory(path, options, directory, debug), path,
                         core_, directory);
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  return core_->Do(to, KindOf(to), "rename", [&] {
    if (core_->journal != nullptr) core_->journal->Replacing(to);
    IOStatus status = FileSystemWrapper::RenameFile(from, to, options, debug);
    if (status.ok() && core_->journal != nullptr) core_->journal->Renamed(from, to);
    return status;
  });
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& path, const IOOptions& options,
                                      IODebugContext* debug) {
  return core_->Do(path, KindOf(path), "delete", [&] {
    IOStatus status = FileSystemWrapper::DeleteFile(path, options, debug);
    if (status.ok() && core_->journal != nullptr) core_->journal->Deleted(path);
    return status;
  });
}

}  // namespace calipers::crash
