#ifndef CALIPERS_SERVER_MODEL_DIGEST_H_
#define CALIPERS_SERVER_MODEL_DIGEST_H_

#include <array>
#include <cstddef>

#include "core/reduce/record.h"

namespace calipers::server {

/// XXH3-128 of a record, in its canonical, big-endian form. Values are stored;
/// the way in which they are computed must not change.
using Digest = std::array<std::byte, 16>;

/// The digest of dtype, num_observations, the range, and the statistics with in_digest: records
/// that are equal in these have equal digests, and records that differ have others. Statistics that
/// are not registered are left out.
Digest DigestOf(const Record& record);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_DIGEST_H_
