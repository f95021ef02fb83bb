#ifndef CALIPERS_TESTS_BENCH_CHILD_H_
#define CALIPERS_TESTS_BENCH_CHILD_H_

#include <cstdint>
#include <string>
#include <vector>

namespace calipers::bench {

/// A server in a process of its own, told to stop, and waited for, with the object.
class Child {
 public:
  /// Runs `command` with --port-file FILE added, and waits until it serves; on
  /// processor `cpu` alone if that is not negative. Ends the program if it does not start.
  explicit Child(std::vector<std::string> command, int cpu = -1);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// 127.0.0.1:PORT
  const std::string& target() const { return target_; }
  /// Bytes of its memory that are resident.
  std::int64_t resident_bytes() const;

 private:
  int pid_ = -1;
  std::string target_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CHILD_H_
