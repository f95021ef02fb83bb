#include "tests/crash/sync_journal.h"

#include <filesystem>
#include <random>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace calipers::crash {
namespace {

namespace fs = std::filesystem;

std::string Line(std::vector<std::string> words) { return absl::StrJoin(words, "\t"); }

std::string DirectoryOf(const std::string& path) { return fs::path(path).parent_path(); }

// RocksDB names a directory both with and without a trailing slash.
std::string Clean(const std::string& path) {
  const fs::path clean = fs::path(path).lexically_normal();
  return clean.has_filename() ? clean : clean.parent_path();
}

// The size of a file after a power cut; before it, `size` bytes were written and `synced` bytes
// synced.
std::uint64_t CutAt(std::uint64_t synced, std::uint64_t size, std::mt19937_64& random) {
  if (size <= synced) return size;
  const bool torn = random() % 2 == 0;
  return torn ? synced + random() % (size - synced) : synced;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SyncJournal>> SyncJournal::Open(const std::string& file) {
  std::unique_ptr<SyncJournal> journal(new SyncJournal(file));
  absl::MutexLock lock(&journal->mu_);
  journal->files_ = Load(file);
  journal->log_.open(file, std::ios::app);
  if (!journal->log_) return absl::UnavailableError(absl::StrCat("cannot write ", file));
  return journal;
}

SyncJournal::Files SyncJournal::Load(const std::string& file) {
  Files files;
  std::ifstream log(file);
  // A line that a kill cut short is ignored.
  for (std::string line; std::getline(log, line) && !log.eof();) Apply(line, files);
  return files;
}

void SyncJournal::Apply(absl::string_view line, Files& files) {
  const std::vector<std::string> words = absl::StrSplit(line, '\t');
  const std::string& verb = words[0];
  const std::string& path = words[1];
  if (verb == "created") {
    files[path].synced = 0;
  } else if (verb == "synced") {
    const auto file = files.find(path);
    if (file != files.end()) static_cast<void>(absl::SimpleAtoi(words[2], &file->second.synced));
  } else if (verb == "directory") {
    for (auto& [name, file] : files) {
      if (DirectoryOf(name) != path) continue;
      file.has_name = true;
      file.replaced.clear();
    }
  } else if (verb == "renamed") {
    const auto from = files.find(path);
    if (from == files.end()) return;
    File moved = std::move(from->second);
    files.erase(from);
    const auto to = files.find(words[2]);
    // The old name was not certain itself, so a power cut returns the file that it had replaced.
    const bool uncertain = to != files.end() && !to->second.has_name;
    moved.replaced = uncertain ? to->second.replaced : words[3];
    moved.has_name = false;
    files[words[2]] = std::move(moved);
  } else if (verb == "deleted") {
    files.erase(path);
  }
}

void SyncJournal::Note(const std::string& line) {
  absl::MutexLock lock(&mu_);
  Apply(line, files_);
  log_ << line << '\n' << std::flush;
}

std::string SyncJournal::SavedName(const std::string& path) const {
  return absl::StrCat(file_, ".", fs::path(path).filename().string());
}

void SyncJournal::Created(const std::string& path) { Note(Line({"created", Clean(path)})); }

void SyncJournal::Synced(const std::string& path, std::uint64_t size) {
  Note(Line({"synced", Clean(path), absl::StrCat(size)}));
}

void SyncJournal::DirectorySynced(const std::string& directory) {
  Note(Line({"directory", Clean(directory)}));
}

bool SyncJournal::IsUncertain(const std::string& path) {
  absl::MutexLock lock(&mu_);
  const auto file = files_.find(Clean(path));
  return file != files_.end() && !file->second.has_name;
}

void SyncJournal::Replacing(const std::string& to) {
  // A power cut returns the last certain file, not the uncertain file that took its place.
  if (IsUncertain(to)) return;
  std::error_code ignored;
  fs::remove(SavedName(to), ignored);
  if (fs::is_regular_file(to, ignored)) fs::create_hard_link(to, SavedName(to), ignored);
}

void SyncJournal::Renamed(const std::string& from, const std::string& to) {
  std::error_code ignored;
  const std::string saved = fs::exists(SavedName(to), ignored) ? SavedName(to) : "";
  Note(Line({"renamed", Clean(from), Clean(to), saved}));
}

void SyncJournal::Deleted(const std::string& path) { Note(Line({"deleted", Clean(path)})); }

absl::Status SyncJournal::CutPower(const std::string& file, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  // A journaling file system keeps directory changes in order, so they are all lost or all kept.
  const bool names_go = random() % 2 == 0;
  std::error_code error;
  for (const auto& [path, known] : Load(file)) {
    const std::uint64_t size = fs::file_size(path, error);
    if (error) continue;
    if (names_go && !known.has_name) {
      fs::remove(path, error);
      if (!known.replaced.empty()) fs::rename(known.replaced, path, error);
    } else {
      fs::resize_file(path, CutAt(known.synced, size, random), error);
    }
    if (error) {
      return absl::InternalError(absl::StrCat("cannot cut ", path, ": ", error.message()));
    }
  }
  fs::remove(file, error);
  return absl::OkStatus();
}

}  // namespace calipers::crash
