#ifndef CALIPERS_SERVER_MODEL_DIGEST_H_
#define CALIPERS_SERVER_MODEL_DIGEST_H_

#include <array>
#include <cstddef>

#include "core/reduce/record.h"

namespace calipers::server {

/// The XXH3-128 of a record, in canonical, big-endian form. Digests are stored, so their
/// computation must not change.
using Digest = std::array<std::byte, 16>;

/// The digest of the dtype, num_observations, the range, and the statistics with in_digest. Records
/// that are equal in these have equal digests, and other records have different digests. Statistics
/// that are not registered are left out.
Digest DigestOf(const Record& record);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_DIGEST_H_
