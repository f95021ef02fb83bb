#ifndef CALIPERS_TESTS_SUPPORT_TEMP_DIRECTORY_H_
#define CALIPERS_TESTS_SUPPORT_TEMP_DIRECTORY_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace calipers::testing {

/// The path of a directory that does not exist yet. The directory is removed at the end.
class TempDirectory {
 public:
  TempDirectory() {
    static std::atomic<int> count{0};
    // In memory if possible, because a test opens thousands of stores.
    const std::string memory = "/dev/shm";
    path_ = std::filesystem::path(std::filesystem::is_directory(memory) ? memory
                                                                        : ::testing::TempDir()) /
            absl::StrCat("calipers-", ::getpid(), "-", count++);
    std::filesystem::remove_all(path_);
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

inline std::set<std::string> NamesIn(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.insert(entry.path().filename());
  }
  return names;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_TEMP_DIRECTORY_H_
