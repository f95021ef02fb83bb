#ifndef CALIPERS_TESTS_CRASH_FAULTY_FILE_SYSTEM_H_
#define CALIPERS_TESTS_CRASH_FAULTY_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "rocksdb/file_system.h"
#include "tests/crash/failpoint.h"
#include "tests/crash/fault.h"
#include "tests/crash/sync_journal.h"

namespace calipers::crash {

/// A RocksDB file system whose disk fails as configured, and that reports each operation. An
/// operation is named KIND-OPERATION. Kinds of files: `wal`, `table`, `manifest`, `current` (the
/// name of the manifest), `directory`, `other`. Operations: `append`, `flush`, `sync`, `create`,
/// `rename` (KIND is that of the new name), `delete` and `read`. Each operation except `read`
/// passes the points `before-` and `after-` with its name; it passes `after-` only if it succeeded.
/// Thread-safe.
class FaultyFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  struct Options {
    std::vector<Fault> faults = {};
    /// The callback may not return.
    AtPoint at_point = [](absl::string_view) {};
    /// Called with the name of each operation that is about to fail.
    AtPoint on_fault = [](absl::string_view) {};
    /// The journal to update, if it is not nullptr.
    std::shared_ptr<SyncJournal> journal = nullptr;
  };
  FaultyFileSystem(std::shared_ptr<rocksdb::FileSystem> base, Options options);

  const char* Name() const override { return "FaultyFileSystem"; }

  rocksdb::IOStatus NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSSequentialFile>* file,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& path,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

  /// The state that the files of this file system share.
  class Core;

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FAULTY_FILE_SYSTEM_H_
