#ifndef CALIPERS_TESTS_BENCH_CHILD_H_
#define CALIPERS_TESTS_BENCH_CHILD_H_

#include <string>
#include <vector>

namespace calipers::bench {

/// A server in a process of its own, killed with the object.
class Child {
 public:
  /// Runs `command` with --port-file FILE added, and waits until it serves.
  explicit Child(std::vector<std::string> command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  /// 127.0.0.1:PORT; empty if it did not start.
  const std::string& target() const { return target_; }

 private:
  int pid_ = -1;
  std::string target_;
};

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_CHILD_H_
