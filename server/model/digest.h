#ifndef CALIPERS_SERVER_MODEL_DIGEST_H_
#define CALIPERS_SERVER_MODEL_DIGEST_H_

#include <array>
#include <cstddef>

#include "core/reduce/record.h"

namespace calipers::server {

/// XXH3-128 of a record, in its canonical, big-endian form. Values are stored;
/// the way in which they are computed must not change.
using Digest = std::array<std::byte, 16>;

/// The digest of dtype, num_observations and values: equal records have equal
/// digests, and records that differ have others.
Digest DigestOf(const Record& record);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_DIGEST_H_
