#ifndef CALIPERS_TESTS_BENCH_CHILD_H_
#define CALIPERS_TESTS_BENCH_CHILD_H_

#include <cstdint>
#include <string>
#include <vector>

namespace calipers::bench {

/// A server in a process of its own, told to stop, and waited for, with the object at the
/// latest.
class Child {
 public:
  /// Runs `command` with --port-file FILE added, and waits until it serves; on
  /// processor `cpu` alone if that is not negative. Ends the program if it does not start.
  explicit Child(std::vector<std::string> command, int cpu = -1);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Asks it to stop, and waits until it has.
  void Stop();
  /// Ends it at once, as a crash would.
  void Kill();

  /// 127.0.0.1:PORT
  const std::string& target() const { return target_; }
  /// Bytes of its memory that are resident.
  std::int64_t resident_bytes() const;
  /// Seconds of processor time that it has taken, of all processors.
  double processor_seconds() const;

 private:
  void End(int signal);

  int pid_ = -1;  // -1 once it has ended
  std::string target_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CHILD_H_
