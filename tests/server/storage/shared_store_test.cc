#include <gtest/gtest.h>

#include <memory>

#include "server/storage/memory/memory_store.h"
#include "tests/server/storage/store_contract.h"
#include "tests/support/store_wrapper.h"

// The contract for two servers, each with its own Store object, that share the stored data.
namespace calipers::server {
namespace {

class SharedHolder {
 public:
  Store& store() { return one_; }
  Store& another() { return other_; }

 private:
  const std::shared_ptr<Store> data_ = std::make_shared<MemoryStore>(std::int64_t{1} << 30);
  testing::StoreWrapper one_{data_};
  testing::StoreWrapper other_{data_};
};
INSTANTIATE_TYPED_TEST_SUITE_P(Shared, StoreContract, SharedHolder);

}  // namespace
}  // namespace calipers::server
