// This file replaces operator new for the whole program, so it is a separate program.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "core/args/observer_names.h"
#include "core/fold/observer.h"
#include "core/reduce/record.h"

namespace {
std::size_t allocations = 0;
}  // namespace

// Not inlined: otherwise the compiler would treat memory of malloc as memory of another kind.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace calipers {
namespace {

TEST(FoldAllocationTest, NothingIsAllocatedForARecordAfterTheFirst) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF16, Dtype::kI8}) {
    const std::vector<std::byte> ends(1001 * ByteSize(dtype), std::byte{0x3B});
    const Record record = Record::Make(dtype, 1, ends, ends, {}, {}).value();
    for (const auto name : kObserverNames) {
      for (const Arithmetic arithmetic : {Arithmetic::kExact, Arithmetic::kReference}) {
        const auto observer = MakeObserver(name, {.arithmetic = arithmetic}).value();
        const std::size_t before_first = allocations;
        observer->Add(record);
        EXPECT_GT(allocations, before_first) << "the counter counts";
        const std::size_t before = allocations;
        for (int i = 0; i < 100; ++i) observer->Add(record);
        EXPECT_EQ(allocations, before) << name;
      }
    }
  }
}

}  // namespace
}  // namespace calipers
