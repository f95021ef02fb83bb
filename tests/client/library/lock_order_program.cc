// A program that links only the client library of Calipers.
#include <iostream>

#include "absl/time/time.h"
#include "client/library/client.h"
#include "tests/support/lock_order.h"

int main() {
  calipers::testing::LockInBothOrders();
  // No server listens on port 1 of loopback.
  const auto client =
      calipers::client::Client::Connect("127.0.0.1:1", {.timeout = absl::Milliseconds(100)});
  std::cout << client.status() << '\n';
  return client.status().code() == absl::StatusCode::kUnavailable ? 0 : 1;
}
