#ifndef CALIPERS_CORE_DIGEST_DIGEST_H_
#define CALIPERS_CORE_DIGEST_DIGEST_H_

#include <array>
#include <cstddef>

#include "core/reduce/record.h"

namespace calipers {

/// The XXH3-128 of a record, in canonical, big-endian form. Digests are stored, so their
/// computation must not change.
using Digest = std::array<std::byte, 16>;

/// The digest of the dtype, num_observations, the range, and the statistics with in_digest. Records
/// that are equal in these have equal digests, and other records have different digests. Statistics
/// that are not registered are left out.
Digest DigestOf(const Record& record);

/// True if `digest` is that of `record`. Empty records are equal in any dtype: a worker that saw no
/// element of a module guesses the dtype, and may guess another one in its retry.
bool IsDigestOf(const Digest& digest, const Record& record);

}  // namespace calipers

#endif  // CALIPERS_CORE_DIGEST_DIGEST_H_
