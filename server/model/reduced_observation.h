#ifndef CALIPERS_SERVER_MODEL_REDUCED_OBSERVATION_H_
#define CALIPERS_SERVER_MODEL_REDUCED_OBSERVATION_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/model/observation_header.h"

namespace calipers::server {

/// An observation that its worker reduced, before any check. A view of the received message.
struct ReducedObservation {
  struct Statistic {
    absl::string_view name;
    absl::string_view value;
  };

  ObservationHeader header;
  absl::string_view min;
  absl::string_view max;
  absl::string_view global_min;  // empty: the extremes of min and max
  absl::string_view global_max;
  absl::Span<const Statistic> statistics = {};
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_REDUCED_OBSERVATION_H_
