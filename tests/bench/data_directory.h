#ifndef CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_
#define CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_

#include <cstdint>
#include <string>

namespace calipers::bench {

/// A directory for a server's data, beside the program, where the build is: what is measured
/// is a disk, and a temporary directory may be memory. Removed with the object.
class DataDirectory {
 public:
  /// Not there yet. Ends the program if the place is in memory.
  DataDirectory();
  /// With what another holds; no server may have that.
  explicit DataDirectory(const DataDirectory& other);
  ~DataDirectory();
  DataDirectory& operator=(const DataDirectory&) = delete;

  const std::string& path() const { return path_; }
  /// Bytes that its files take on the disk.
  std::int64_t DiskBytes() const;

 private:
  std::string parent_;
  std::string path_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_DATA_DIRECTORY_H_
