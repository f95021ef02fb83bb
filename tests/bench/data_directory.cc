#include "tests/bench/data_directory.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "tests/bench/fail.h"

namespace calipers::bench {
namespace {

constexpr std::int64_t kStatBlock = 512;

std::string MakeParent() {
  const std::string place = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  struct statfs file_system = {};
  if (statfs(place.c_str(), &file_system) != 0) Fail("cannot tell what " + place + " lies on");
  if (file_system.f_type == TMPFS_MAGIC) Fail(place + " is in memory, not on a disk");
  std::string path = place + "/data-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) Fail("cannot make a directory in " + place);
  return path;
}

}  // namespace

DataDirectory::DataDirectory() : parent_(MakeParent()), path_(parent_ + "/data") {}

DataDirectory::DataDirectory(const DataDirectory& other) : DataDirectory() {
  std::filesystem::copy(other.path_, path_, std::filesystem::copy_options::recursive);
  // Otherwise the next measurement would wait until the copy is written.
  sync();
}

DataDirectory::~DataDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(parent_, ignored);
}

std::int64_t DataDirectory::DiskBytes() const {
  std::int64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
    struct stat file = {};
    if (stat(entry.path().c_str(), &file) != 0) Fail("cannot look at " + entry.path().string());
    if (S_ISREG(file.st_mode)) bytes += file.st_blocks * kStatBlock;
  }
  return bytes;
}

}  // namespace calipers::bench
