#ifndef CALIPERS_SERVER_MODEL_SESSION_IDENTITY_H_
#define CALIPERS_SERVER_MODEL_SESSION_IDENTITY_H_

#include <cstdint>

#include "absl/time/time.h"
#include "server/model/names.h"
#include "server/model/session_spec.h"

namespace calipers::server {

/// Identifies one life of a session. A session that is deleted and created again, or reset, gets a
/// new id, greater than every id before, so that old records never mix with new ones.
enum class SeriesId : std::uint64_t {};

/// The facts of a session that never change after its creation.
struct SessionIdentity {
  SessionName name;
  SessionSpec spec;
  absl::Time create_time;
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_SESSION_IDENTITY_H_
