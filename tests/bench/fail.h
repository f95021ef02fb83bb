#ifndef CALIPERS_TESTS_BENCH_FAIL_H_
#define CALIPERS_TESTS_BENCH_FAIL_H_

#include <cstdlib>
#include <iostream>
#include <string>

namespace calipers::bench {

/// A measurement that went wrong is worth nothing, nor are those after it.
[[noreturn]] inline void Fail(const std::string& why) {
  std::cerr << "bench: " << why << '\n';
  std::_Exit(1);
}

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_FAIL_H_
