#include "client/cli/commands/whole_number.h"

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace calipers::client {

CLI::Validator WholeNumberFrom(std::int64_t least) {
  return {[least](std::string& text) {
            std::int64_t number = 0;
            if (absl::SimpleAtoi(text, &number) && number >= least) return std::string();
            return absl::StrCat("\"", text, "\" is not a whole number of at least ", least);
          },
          absl::StrCat(">=", least)};
}

}  // namespace calipers::client
