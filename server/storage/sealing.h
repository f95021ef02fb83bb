#ifndef CALIPERS_SERVER_STORAGE_SEALING_H_
#define CALIPERS_SERVER_STORAGE_SEALING_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/model/index_set.h"

namespace calipers::server {

/// The count at which a series that holds `indices`, sealed at `sealed_count` if it
/// is, is sealed when asked for `count`; see Store::Seal.
absl::StatusOr<std::int64_t> CountToSealAt(const IndexSet& indices,
                                           std::optional<std::int64_t> sealed_count,
                                           std::optional<std::int64_t> count);

/// Why a sealed series takes no record at `index`.
absl::Status SealedError(BatchIndex index, std::int64_t sealed_count);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_SEALING_H_
