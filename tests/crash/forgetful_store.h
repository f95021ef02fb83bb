#ifndef CALIPERS_TESTS_CRASH_FORGETFUL_STORE_H_
#define CALIPERS_TESTS_CRASH_FORGETFUL_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "tests/support/store_wrapper.h"

namespace calipers::crash {

/// A store that loses records: it reports one of every `every` records as stored, but drops it.
/// Shows that a durability test would notice the loss.
class ForgetfulStore final : public testing::StoreWrapper {
 public:
  ForgetfulStore(std::unique_ptr<server::Store> base, std::int64_t every)
      : StoreWrapper(std::move(base)), every_(every) {}

  std::vector<server::PutResult> PutIfAbsent(absl::Span<const server::NewRecord> records) override {
    std::vector<server::PutResult> results;
    for (const server::NewRecord& record : records) {
      if (record.index && ++seen_ % every_ == 0) {
        results.push_back({.outcome = server::PutResult::kStored, .index = *record.index});
      } else {
        results.push_back(StoreWrapper::PutIfAbsent({&record, 1}).front());
      }
    }
    return results;
  }

 private:
  const std::int64_t every_;
  std::atomic<std::int64_t> seen_{0};
};

}  // namespace calipers::crash

#endif  // CALIPERS_TESTS_CRASH_FORGETFUL_STORE_H_
