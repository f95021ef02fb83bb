#include "tests/crash/sync_journal.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace calipers::crash {
namespace {

namespace fs = std::filesystem;

// A directory in which files replace CURRENT in the same way as in RocksDB.
class SyncJournalTest : public ::testing::Test {
 protected:
  SyncJournalTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "db");
  }
  ~SyncJournalTest() override { fs::remove_all(folder_); }

  std::string JournalFile() const { return folder_ / "journal"; }
  std::string Path(const std::string& name) const { return folder_ / "db" / name; }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name)) << content;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  void Open() {
    auto journal = SyncJournal::Open(JournalFile());
    ASSERT_TRUE(journal.ok());
    journal_ = *std::move(journal);
  }

  // Writes `manifest`, synced, and makes CURRENT name it.
  void PointCurrentTo(const std::string& manifest) {
    Write(manifest, manifest);
    journal_->Created(Path(manifest));
    journal_->Synced(Path(manifest), manifest.size());
    Write("tmp", manifest);
    journal_->Created(Path("tmp"));
    journal_->Synced(Path("tmp"), manifest.size());
    journal_->Replacing(Path("CURRENT"));
    fs::rename(Path("tmp"), Path("CURRENT"));
    journal_->Renamed(Path("tmp"), Path("CURRENT"));
  }

  const fs::path folder_ = fs::path(::testing::TempDir()) / "calipers-sync-journal";
  std::unique_ptr<SyncJournal> journal_;
};

TEST_F(SyncJournalTest, PowerCutKeepsCurrentAndItsManifestConsistent) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 32; ++seed) {
    fs::remove_all(folder_ / "db");
    fs::create_directories(folder_ / "db");
    Write("CURRENT", "certain");
    Write("certain", "certain");
    // Both names are uncertain at the power cut. The first was uncertain already when its process
    // ended.
    Open();
    PointCurrentTo("first");
    Open();
    PointCurrentTo("second");
    journal_ = nullptr;
    ASSERT_TRUE(SyncJournal::CutPower(JournalFile(), seed).ok());
    const std::string named = Read("CURRENT");
    EXPECT_EQ(Read(named), named) << "seed " << seed;
    seen.insert(named);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"certain", "second"}));
}

TEST_F(SyncJournalTest, DirectorySyncMakesRenamesDurable) {
  for (std::uint64_t seed = 1; seed <= 32; ++seed) {
    fs::remove_all(folder_ / "db");
    fs::create_directories(folder_ / "db");
    Write("CURRENT", "certain");
    Open();
    PointCurrentTo("first");
    journal_->DirectorySynced(folder_ / "db");
    PointCurrentTo("second");
    journal_ = nullptr;
    ASSERT_TRUE(SyncJournal::CutPower(JournalFile(), seed).ok());
    const std::string named = Read("CURRENT");
    EXPECT_NE(named, "certain") << "seed " << seed;
    EXPECT_EQ(Read(named), named) << "seed " << seed;
  }
}

}  // namespace
}  // namespace calipers::crash
