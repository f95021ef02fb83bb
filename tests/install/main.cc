#include <iostream>

#include "absl/time/time.h"
#include "client/library/client.h"

int main(int, char** arguments) {
  const auto client =
      calipers::client::Client::Connect(arguments[1], {.timeout = absl::Milliseconds(200)});
  std::cout << client.status() << '\n';
  return client.ok() ? 0 : 1;
}
