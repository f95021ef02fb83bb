#ifndef CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_
#define CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_

#include <cstdint>
#include <string>

namespace calipers::bench {

/// A directory for a server's data, in the program's folder in the build tree. Benchmarks measure a
/// disk, and a temporary directory may be in memory. The destructor removes the directory.
class DataDirectory {
 public:
  /// The directory does not exist yet. Ends the program if its place is in memory.
  DataDirectory();
  /// A copy of `other`, which no server may have open.
  explicit DataDirectory(const DataDirectory& other);
  ~DataDirectory();
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes that the files occupy on the disk.
  std::int64_t DiskBytes() const;

 private:
  std::string parent_;
  std::string path_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_
