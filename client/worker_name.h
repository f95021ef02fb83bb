#ifndef CALIPERS_CLIENT_WORKER_NAME_H_
#define CALIPERS_CLIENT_WORKER_NAME_H_

#include <cstddef>

namespace calipers::client {

/// Bytes of a worker's name that a server takes, at most (ObserveRequest.worker).
inline constexpr std::size_t kMaxWorkerBytes = 256;

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_WORKER_NAME_H_
