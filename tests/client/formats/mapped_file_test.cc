#include "client/formats/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
 protected:
  MappedFileTest() { std::filesystem::create_directories(directory_.path()); }

  void Write(const std::string& text) { std::ofstream(path_, std::ios::binary) << text; }

  // Opens the file, does `change`, and expects that the check names the file and says `said`.
  void ExpectSaid(const std::function<void()>& change, const std::string& said) {
    Write("first");
    const auto file = MappedFile::Open(path_);
    ASSERT_OK(file);
    EXPECT_OK(file->CheckUnchanged());
    change();
    EXPECT_THAT(file->CheckUnchanged(),
                StatusIs(absl::StatusCode::kDataLoss, AllOf(HasSubstr(path_), HasSubstr(said))));
  }

  testing::TempDirectory directory_;
  const std::string path_ = directory_.path() + "/file";
};

TEST_F(MappedFileTest, HoldsTheBytes) {
  for (const std::string text : {"", "some text"}) {
    Write(text);
    const auto file = MappedFile::Open(path_);
    ASSERT_OK(file);
    const auto bytes = file->bytes();
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), text);
    EXPECT_OK(file->CheckUnchanged());
  }
}

TEST_F(MappedFileTest, EveryChangeIsFound) {
  ExpectSaid([&] { std::filesystem::resize_file(path_, 4); }, "had 5 bytes, and has 4");
  ExpectSaid([&] { std::ofstream(path_, std::ios::app) << "more"; }, "had 5 bytes, and has 9");
  ExpectSaid([&] { std::filesystem::remove(path_); }, "was removed");
  ExpectSaid(
      [&] {
        std::ofstream(path_ + ".new") << "first";
        std::filesystem::rename(path_ + ".new", path_);
      },
      "another file took its place");
  ExpectSaid(
      [&] {
        // The clock of a file system may be as coarse as a few ms.
        const auto before = std::filesystem::last_write_time(path_);
        std::fstream(path_, std::ios::in | std::ios::out) << "other";
        std::filesystem::last_write_time(path_, before + std::chrono::milliseconds(1));
      },
      "was written");
}

}  // namespace
}  // namespace calipers::client
