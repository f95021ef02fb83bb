#include "client/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/values.h"

namespace calipers::client {
namespace {

constexpr int kWidth = 24;
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

ProgressBar::Mode ProgressBar::ModeOfStderr() {
  return isatty(STDERR_FILENO) == 1 ? Mode::kTerminal : Mode::kLine;
}

ProgressBar::ProgressBar(Mode mode, std::int64_t total_bytes, std::ostream& out,
                         std::function<absl::Time()> now)
    : mode_(mode), total_bytes_(total_bytes), out_(out), now_(std::move(now)), start_(now_()) {}

std::string ProgressBar::Line(std::int64_t bytes) const {
  const double seconds = std::max(absl::ToDoubleSeconds(now_() - start_), 1e-9);
  const double rate = static_cast<double>(bytes) / seconds;
  std::string line =
      absl::StrCat(BytesText(static_cast<double>(bytes)), " of ",
                   BytesText(static_cast<double>(total_bytes_)), "  ", BytesText(rate), "/s  ");
  if (bytes >= total_bytes_ || bytes == 0) {
    absl::StrAppendFormat(&line, "%.1f s", seconds);
  } else {
    absl::StrAppendFormat(&line, "%.0f s left", static_cast<double>(total_bytes_ - bytes) / rate);
  }
  return line;
}

void ProgressBar::Update(std::int64_t bytes) {
  if (mode_ != Mode::kTerminal) return;
  const int filled = total_bytes_ == 0
                         ? kWidth
                         : static_cast<int>(kWidth * (static_cast<double>(bytes) /
                                                      static_cast<double>(total_bytes_)));
  out_ << kClearLine << '[' << std::string(static_cast<std::size_t>(filled), '#')
       << std::string(static_cast<std::size_t>(kWidth - filled), ' ') << "] " << Line(bytes)
       << std::flush;
}

void ProgressBar::Done(std::int64_t bytes) {
  if (mode_ == Mode::kSilent) return;
  Update(bytes);
  if (mode_ == Mode::kLine) out_ << "sent " << Line(bytes);
  out_ << '\n';
}

}  // namespace calipers::client
