#include "client/formats/capture_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CapturePathsTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directory(directory_.path()); }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  void Write(const std::string& name, const std::string& content = "") const {
    std::ofstream(Path(name)) << content;
  }

  testing::TempDirectory directory_;
};

TEST_F(CapturePathsTest, FileStandsForItself) {
  EXPECT_THAT(*CapturePaths("a.safetensors"), ElementsAre("a.safetensors"));
  EXPECT_THAT(*CapturePaths("none"), ElementsAre("none"));
}

TEST_F(CapturePathsTest, DirectoryStandsForItsFiles) {
  for (const char* name : {"b.safetensors", "a.npy", "config.json", "a.safetensors", "x.bin"}) {
    Write(name);
  }
  std::filesystem::create_directory(Path("deeper"));
  Write("deeper/c.npy");
  EXPECT_THAT(*CapturePaths(directory_.path()),
              ElementsAre(Path("a.npy"), Path("a.safetensors"), Path("b.safetensors")));
  EXPECT_THAT(*CapturePaths(Path("deeper")), ElementsAre(Path("deeper/c.npy")));
}

TEST_F(CapturePathsTest, DirectoryWithoutFilesIsAnError) {
  Write("config.json");
  EXPECT_THAT(CapturePaths(directory_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(directory_.path())));
}

TEST_F(CapturePathsTest, ShardsMustBeThere) {
  Write("model.safetensors.index.json",
        R"({"metadata":{"total_size":8},"weight_map":{"a":"1.safetensors","b":"2.safetensors",)"
        R"("c":"1.safetensors"}})");
  Write("1.safetensors");
  for (const std::string& given : {directory_.path(), Path("model.safetensors.index.json")}) {
    EXPECT_THAT(CapturePaths(given), StatusIs(absl::StatusCode::kInvalidArgument,
                                              AllOf(HasSubstr("names 2 shards; missing: 1: "),
                                                    HasSubstr(Path("2.safetensors")),
                                                    Not(HasSubstr(Path("1.safetensors"))))));
  }
  Write("2.safetensors");
  for (const std::string& given : {directory_.path(), Path("model.safetensors.index.json")}) {
    EXPECT_THAT(*CapturePaths(given), ElementsAre(Path("1.safetensors"), Path("2.safetensors")));
  }
}

TEST_F(CapturePathsTest, DamagedIndexIsRefusedByName) {
  for (const char* content :
       {"", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{}})", R"({"weight_map":{"a":1}})",
        R"({"weight_map":{"a":""}})", R"({"weight_map":{"a":"../b.safetensors"}})",
        R"({"weight_map":{"a":"/etc/passwd"}})", R"({"weight_map":{"a":"b","a":"c"}})"}) {
    Write("model.safetensors.index.json", content);
    EXPECT_THAT(CapturePaths(directory_.path()),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(Path("model.safetensors.index.json"))))
        << content;
  }
}

}  // namespace
}  // namespace calipers::client
