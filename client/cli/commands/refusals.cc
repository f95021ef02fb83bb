#include "client/cli/commands/refusals.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"

namespace calipers::client {
namespace {

constexpr std::size_t kRefusalsShown = 5;

}  // namespace

void Refusals::Add(const v1::ObservationHeader& header, const v1::ObservationAck& ack) {
  Add(absl::StrCat(SessionId(header.session()), " index ", header.index(), ": ",
                   ack.status().message()));
}

void Refusals::Add(std::string text) {
  absl::MutexLock lock(&mu_);
  ++count_;
  if (first_.size() < kRefusalsShown) first_.push_back(std::move(text));
}

std::size_t Refusals::count() const {
  absl::MutexLock lock(&mu_);
  return count_;
}

std::vector<std::string> Refusals::first() const {
  absl::MutexLock lock(&mu_);
  return first_;
}

void Refusals::Print(std::ostream& out) const {
  absl::MutexLock lock(&mu_);
  for (const std::string& text : first_) out << "  " << text << '\n';
  if (count_ > first_.size()) out << "  ... and " << count_ - first_.size() << " more\n";
}

}  // namespace calipers::client
