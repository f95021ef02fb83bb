#ifndef CALIPERS_CLIENT_LIBRARY_SERVER_ADDRESS_H_
#define CALIPERS_CLIENT_LIBRARY_SERVER_ADDRESS_H_

#include <string>

#include "absl/status/status.h"

namespace calipers::client {

/// INVALID_ARGUMENT, with the fault and an example, if `address` is not HOST:PORT with a port from
/// 1 to 65535. Addresses with a scheme of gRPC (dns:, ipv4:, ipv6:, unix:) are left to gRPC.
absl::Status CheckServerAddress(const std::string& address);

/// True if the host is localhost, or an address of the loopback interface.
bool IsLoopback(const std::string& address);

/// The proxy that gRPC uses for other hosts, from the variable that it reads; "" without one.
std::string ProxyInUse();

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_SERVER_ADDRESS_H_
