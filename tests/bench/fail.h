#ifndef CALIPERS_TESTS_BENCH_FAIL_H_
#define CALIPERS_TESTS_BENCH_FAIL_H_

#include <cstdlib>
#include <iostream>
#include <string>

namespace calipers::bench {

/// Ends the program: after a failed measurement, later measurements are worth nothing either.
[[noreturn]] inline void Fail(const std::string& why) {
  std::cerr << "bench: " << why << '\n';
  std::_Exit(1);
}

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_FAIL_H_
