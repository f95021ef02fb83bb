#ifndef CALIPERS_SERVER_SESSION_ACKNOWLEDGE_H_
#define CALIPERS_SERVER_SESSION_ACKNOWLEDGE_H_

#include "server/model/names.h"
#include "server/model/observation_header.h"
#include "server/storage/store.h"

namespace calipers::server {

/// What the worker is told of a put with this result into a series of `session`. The ordinal is not
/// set.
Ack Acknowledge(const SessionName& session, const PutResult& result);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_SESSION_ACKNOWLEDGE_H_
