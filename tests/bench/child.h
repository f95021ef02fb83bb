#ifndef CALIPERS_TESTS_BENCH_CHILD_H_
#define CALIPERS_TESTS_BENCH_CHILD_H_

#include <cstdint>
#include <string>
#include <vector>

namespace calipers::bench {

/// A server in a separate process. At the latest, the destructor stops it and waits for its end.
class Child {
 public:
  /// Runs `command` with --port-file FILE added, and waits until it serves. If `cpu` is not
  /// negative, the process runs only on this processor. Ends the program if the server does not
  /// start.
  explicit Child(std::vector<std::string> command, int cpu = -1);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// Asks the process to stop, and waits for its end.
  void Stop();
  /// Ends the process at once, as a crash would.
  void Kill();

  /// 127.0.0.1:PORT
  const std::string& target() const { return target_; }
  /// Resident memory of the process, in bytes.
  std::int64_t resident_bytes() const;
  /// Processor time of the process so far, in seconds, on all processors together.
  double processor_seconds() const;

 private:
  void End(int signal);

  int pid_ = -1;  // -1 after the process has ended
  std::string target_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CHILD_H_
