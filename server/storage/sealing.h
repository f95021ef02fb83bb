#ifndef CALIPERS_SERVER_STORAGE_SEALING_H_
#define CALIPERS_SERVER_STORAGE_SEALING_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "server/model/index_set.h"

namespace calipers::server {

/// Decides at which count a series is sealed. The series holds `indices`, and is already sealed at
/// `sealed_count` if that has a value. `count` is the requested count; see Store::Seal.
/// INVALID_ARGUMENT if `count` is less than 1 and the series is not sealed.
absl::StatusOr<std::int64_t> CountToSealAt(const IndexSet& indices,
                                           std::optional<std::int64_t> sealed_count,
                                           std::optional<std::int64_t> count);

/// FAILED_PRECONDITION: the error of a sealed series for a record at `index`.
absl::Status SealedError(BatchIndex index, std::int64_t sealed_count);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_SEALING_H_
