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

/// How much of each file a device has for certain, kept in a file of its own that
/// outlives the process: a killed process leaves what it wrote in the system's cache,
/// and a power cut, now or in a later life, takes what was not synced.
///
/// Files that were there before the journal began count as synced; so do deletions.
/// Thread-safe.
class SyncJournal {
 public:
  /// Goes on with the journal in `file`; begins one if there is none.
  static absl::StatusOr<std::unique_ptr<SyncJournal>> Open(const std::string& file);

  /// Lets the files that the journal in `file` tells of be as after a power cut: cut to
  /// what was synced or, as `seed` has it, a little after; without the names, and with
  /// the names that were replaced, that a directory's sync did not make certain, if
  /// the seed has it so. Nothing has them open. The journal then begins anew.
  static absl::Status CutPower(const std::string& file, std::uint64_t seed);

  void Created(const std::string& path);
  /// The first `size` bytes are on the device.
  void Synced(const std::string& path, std::uint64_t size);
  /// All names in the directory are.
  void DirectorySynced(const std::string& directory);
  /// Before `to` is replaced: keeps what it was.
  void Replacing(const std::string& to);
  void Renamed(const std::string& from, const std::string& to);
  void Deleted(const std::string& path);

 private:
  struct File {
    std::uint64_t synced = 0;
    bool has_name = false;
    std::string replaced;  // where what the name stood for before is kept, if it did
  };
  using Files = std::map<std::string, File>;

  explicit SyncJournal(std::string file) : file_(std::move(file)) {}

  static Files Load(const std::string& file);
  static void Apply(absl::string_view line, Files& files);
  std::string SavedName(const std::string& path) const;
  // True if a power cut may take the name away.
  bool IsUncertain(const std::string& path) ABSL_LOCKS_EXCLUDED(mu_);
  // Takes it in, and writes it down.
  void Note(const std::string& line) ABSL_LOCKS_EXCLUDED(mu_);

  const std::string file_;
  absl::Mutex mu_;
  Files files_ ABSL_GUARDED_BY(mu_);
  std::ofstream log_ ABSL_GUARDED_BY(mu_);
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_SYNC_JOURNAL_H_
