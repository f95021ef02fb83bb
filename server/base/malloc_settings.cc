#include "server/base/malloc_settings.h"

#include <malloc.h>

namespace calipers::server {

void KeepFreedMemory() {
  constexpr int kMiB = 1 << 20;
  mallopt(M_TRIM_THRESHOLD, 64 * kMiB);
  mallopt(M_TOP_PAD, kMiB);
  mallopt(M_MMAP_THRESHOLD, 32 * kMiB);
}

}  // namespace calipers::server
