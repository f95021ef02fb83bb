#include "tests/bench/load_only.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/load_only.cc"
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace calipers::bench {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Four chains, as in the reducers. An OR is the cheapest operation that keeps a load.
std::uint64_t LoadOnlyOn(const std::uint64_t* data, std::size_t count) {
  const hn::ScalableTag<std::uint64_t> d;
  const std::size_t lanes = hn::Lanes(d);
  auto a = hn::Zero(d);
  auto b = a;
  auto c = a;
  auto e = a;
  std::size_t i = 0;
  for (; i + 4 * lanes <= count; i += 4 * lanes) {
    a = hn::Or(a, hn::LoadU(d, data + i));
    b = hn::Or(b, hn::LoadU(d, data + i + lanes));
    c = hn::Or(c, hn::LoadU(d, data + i + 2 * lanes));
    e = hn::Or(e, hn::LoadU(d, data + i + 3 * lanes));
  }
  return hn::GetLane(hn::Or(hn::Or(a, b), hn::Or(c, e)));
}

}  // namespace HWY_NAMESPACE
}  // namespace calipers::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace calipers::bench {

HWY_EXPORT(LoadOnlyOn);

std::uint64_t LoadOnly(absl::Span<const std::byte> buffer) {
  return HWY_DYNAMIC_DISPATCH(LoadOnlyOn)(reinterpret_cast<const std::uint64_t*>(buffer.data()),
                                          buffer.size() / sizeof(std::uint64_t));
}

}  // namespace calipers::bench
#endif  // HWY_ONCE
