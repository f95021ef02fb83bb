#include "client/library/server_address.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace calipers::client {
namespace {

constexpr std::array<absl::string_view, 4> kGrpcSchemes = {"dns:", "ipv4:", "ipv6:", "unix:"};
// In the order in which gRPC reads them.
constexpr std::array<const char*, 3> kProxyVariables = {"grpc_proxy", "https_proxy", "http_proxy"};

absl::Status Malformed(const std::string& address, absl::string_view fault) {
  return absl::InvalidArgumentError(absl::StrCat("server address \"", address, "\" ", fault,
                                                 "; give HOST:PORT, such as localhost:50051"));
}

}  // namespace

absl::Status CheckServerAddress(const std::string& address) {
  if (std::any_of(kGrpcSchemes.begin(), kGrpcSchemes.end(),
                  [&](absl::string_view scheme) { return absl::StartsWith(address, scheme); })) {
    return absl::OkStatus();
  }
  if (absl::StrContains(address, "://")) return Malformed(address, "has a scheme");
  const std::size_t colon = address.rfind(':');
  // The colons of [::1] are not before a port.
  if (colon == std::string::npos || address.find(']', colon) != std::string::npos) {
    return Malformed(address, "has no port");
  }
  if (colon == 0) return Malformed(address, "has no host");
  const absl::string_view digits = absl::string_view(address).substr(colon + 1);
  int port = 0;
  if (!absl::SimpleAtoi(digits, &port) || port < 1 || port > 65535) {
    return Malformed(address, absl::StrCat("has port \"", digits, "\", not one of 1 to 65535"));
  }
  return absl::OkStatus();
}

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "localhost:") || absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "[::1]:");
}

std::string ProxyInUse() {
  for (const char* const variable : kProxyVariables) {
    const char* const proxy = std::getenv(variable);
    if (proxy != nullptr && *proxy != '\0') return proxy;
  }
  return "";
}

}  // namespace calipers::client
