#include "client/library/server_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(ServerAddressTest, HostAndPortAreAccepted) {
  for (const char* address :
       {"localhost:50051", "127.0.0.1:1", "[::1]:65535", "calibration.example:50051",
        "dns:///calibration:50051", "unix:/run/calipers.sock", "ipv4:10.0.0.1:50051"}) {
    EXPECT_OK(CheckServerAddress(address)) << address;
  }
}

TEST(ServerAddressTest, MalformedAddressesAreRefusedWithTheFault) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"localhost", "has no port"},
      {"[::1]", "has no port"},
      {"", "has no port"},
      {":50051", "has no host"},
      {"http://localhost:50051", "has a scheme"},
      {"localhost:", "has port \"\""},
      {"localhost:0", "has port \"0\""},
      {"localhost:65536", "has port \"65536\""},
      {"localhost:-1", "has port \"-1\""},
      {"localhost:50051/", "has port \"50051/\""},
  };
  for (const auto& [address, fault] : cases) {
    EXPECT_THAT(CheckServerAddress(address),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr('"' + address + '"'), HasSubstr(fault),
                               HasSubstr("localhost:50051"))));
  }
}

TEST(ServerAddressTest, OnlyTheLoopbackInterfaceIsLoopback) {
  for (const char* address : {"localhost:1", "127.0.0.1:1", "127.8.8.8:1", "[::1]:1"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"localhost.example:1", "10.0.0.1:1", "[::2]:1", "a:127"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

TEST(ServerAddressTest, TheProxyIsTheFirstThatIsSet) {
  unsetenv("grpc_proxy");
  unsetenv("https_proxy");
  unsetenv("http_proxy");
  EXPECT_EQ(ProxyInUse(), "");
  setenv("http_proxy", "http://c:1", 1);
  EXPECT_EQ(ProxyInUse(), "http://c:1");
  setenv("grpc_proxy", "http://a:1", 1);
  EXPECT_EQ(ProxyInUse(), "http://a:1");
  unsetenv("grpc_proxy");
  unsetenv("http_proxy");
}

}  // namespace
}  // namespace calipers::client
