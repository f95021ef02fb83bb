#ifndef CALIPERS_SERVER_MODEL_OBSERVATION_HEADER_H_
#define CALIPERS_SERVER_MODEL_OBSERVATION_HEADER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/index_set.h"

namespace calipers::server {

/// The header of an observation, before any check. A view of the received message.
struct ObservationHeader {
  absl::string_view session;  // full resource name
  std::optional<BatchIndex> index;
  absl::string_view dtype;
  absl::Span<const std::int64_t> shape;
  std::optional<std::int64_t> num_observations;
};

enum class Outcome { kStored, kDuplicate, kConflict, kRejected };

/// The acknowledgement of an observation.
struct Ack {
  std::int64_t ordinal = 0;  // -1: data that belong to no observation
  BatchIndex index = -1;     // -1: no index was given or assigned
  Outcome outcome = Outcome::kRejected;
  absl::Status status;  // the reason, for kConflict and kRejected
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_OBSERVATION_HEADER_H_
