#ifndef CALIPERS_TESTS_CRASH_SYNC_JOURNAL_H_
#define CALIPERS_TESTS_CRASH_SYNC_JOURNAL_H_

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace calipers::crash {

/// Records how much of each file is certainly on the device. A killed process leaves its writes in
/// the system's cache, and a power cut, now or after a restart, loses the writes that were not
/// synced. The journal is a file, so it outlives the process.
/// Files that existed before the journal began count as synced; so do deletions. Thread-safe.
class SyncJournal {
 public:
  /// Continues the journal in `file`, or begins a new one.
  static absl::StatusOr<std::unique_ptr<SyncJournal>> Open(const std::string& file);

  /// Changes the files of the journal in `file` as a power cut would. Each file is cut to its
  /// synced size or, depending on `seed`, a little later. Depending on `seed`, the names that no
  /// directory sync made certain are removed, and the files that they replaced return. No process
  /// may have the files open. The journal then begins again.
  static absl::Status CutPower(const std::string& file, std::uint64_t seed);

  void Created(const std::string& path);
  /// The first `size` bytes of the file are on the device.
  void Synced(const std::string& path, std::uint64_t size);
  /// All names in the directory are on the device.
  void DirectorySynced(const std::string& directory);
  /// Called before `to` is replaced; keeps its old file.
  void Replacing(const std::string& to);
  void Renamed(const std::string& from, const std::string& to);
  void Deleted(const std::string& path);

 private:
  struct File {
    std::uint64_t synced = 0;
    bool has_name = false;
    std::string replaced;  // path of the kept file that the name had before, if any
  };
  using Files = std::map<std::string, File>;

  explicit SyncJournal(std::string file) : file_(std::move(file)) {}

  static Files Load(const std::string& file);
  static void Apply(absl::string_view line, Files& files);
  std::string SavedName(const std::string& path) const;
  // True if a power cut may remove the name.
  bool IsUncertain(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_);
  // Applies the line, and writes it to the journal.
  void Note(const std::string& line) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string file_;
  absl::Mutex mu_;
  Files files_ ABSL_GUARDED_BY(mu_);
  std::ofstream log_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_SYNC_JOURNAL_H_
