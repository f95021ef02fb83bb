#include "client/library/await_connection.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/library/server_address.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace calipers::client {
namespace {

// Long enough for a second attempt, so that a server that is just starting is found.
constexpr absl::Duration kPatience = absl::Seconds(2);
constexpr absl::Duration kPause = absl::Milliseconds(100);

// The cause of a failed connection, from gRPC's message, and the next step.
std::string Cause(const std::string& said) {
  if (absl::StrContains(said, "Connection refused")) {
    return "refuses the connection: is calipers-server running there, and is it the port that it "
           "listens on?";
  }
  if (absl::StrContains(said, "DNS resolution failed") ||
      absl::StrContains(said, "Name or service not known") ||
      absl::StrContains(said, "Domain name not found")) {
    return "is no address: no host has this name";
  }
  if (absl::StrContains(said, "http1") || absl::StrContains(said, "HTTP/2") ||
      absl::StrContains(said, "Socket closed") || absl::StrContains(said, "Endpoint")) {
    return absl::StrCat("is no gRPC server (", said, "): is it the port of calipers-server?");
  }
  return absl::StrCat("cannot be reached (", said,
                      "): is calipers-server running there, and is it the address it listens on?");
}

absl::Status Unreachable(const std::string& address, absl::string_view cause) {
  const std::string proxy = IsLoopback(address) ? "" : ProxyInUse();
  return absl::UnavailableError(absl::StrCat(
      address, " ", cause,
      proxy.empty() ? ""
                    : absl::StrCat(" The connection goes through the proxy ", proxy,
                                   "; name the host in no_grpc_proxy to go around it.")));
}

}  // namespace

absl::Status AwaitConnection(const std::shared_ptr<grpc::Channel>& channel,
                             const std::string& address, absl::Duration timeout) {
  const auto stub = grpc::health::v1::Health::NewStub(channel);
  const absl::Time start = absl::Now();
  std::string said;
  while (true) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(start + timeout));
    grpc::health::v1::HealthCheckResponse response;
    const grpc::Status status = stub->Check(&context, {}, &response);
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
        said = status.error_message();
        break;
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        // Connected: each call has its own time limit.
        if (channel->GetState(false) == GRPC_CHANNEL_READY) return absl::OkStatus();
        if (!said.empty()) return Unreachable(address, Cause(said));
        return Unreachable(address,
                           absl::StrCat("does not answer within ", absl::FormatDuration(timeout),
                                        ": is calipers-server running there, and is it the "
                                        "address it listens on?"));
      default:
        // Also an error is an answer.
        return absl::OkStatus();
    }
    if (absl::Now() - start >= std::min(timeout, kPatience)) {
      return Unreachable(address, Cause(said));
    }
    absl::SleepFor(kPause);
  }
}

}  // namespace calipers::client
