#include "client/cli/terminal/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/formats/number_format.h"

namespace calipers::client {
namespace {

constexpr std::size_t kWidth = 24;
constexpr absl::Duration kBetweenDraws = absl::Milliseconds(100);
constexpr char kClearLine[] = "\r\033[K";

}  // namespace

ProgressBar::Mode ProgressBar::ModeOfStderr() {
  return isatty(STDERR_FILENO) == 1 ? Mode::kTerminal : Mode::kLine;
}

ProgressBar::ProgressBar(Mode mode, Unit unit, std::int64_t total, std::ostream& out,
                         std::function<absl::Time()> now)
    : mode_(mode), unit_(unit), total_(total), out_(out), now_(std::move(now)), start_(now_()) {}

std::string ProgressBar::Text(double count) const {
  if (unit_ == Unit::kBytesSent) return BytesText(count);
  return absl::StrFormat("%.0f %s", count, unit_ == Unit::kSessionsRead ? "sessions" : "records");
}

std::string ProgressBar::Line(std::int64_t done) const {
  const double seconds = std::max(absl::ToDoubleSeconds(now_() - start_), 1e-9);
  const double rate = static_cast<double>(done) / seconds;
  std::string line = absl::StrCat(Text(static_cast<double>(done)), " of ",
                                  Text(static_cast<double>(total_)), "  ", Text(rate), "/s  ");
  if (done >= total_ || done == 0) {
    absl::StrAppendFormat(&line, "%.1f s", seconds);
  } else {
    absl::StrAppendFormat(&line, "%.0f s left", static_cast<double>(total_ - done) / rate);
  }
  return line;
}

void ProgressBar::Update(std::int64_t done) {
  if (mode_ != Mode::kTerminal || now_() - drawn_ < kBetweenDraws) return;
  drawn_ = now_();
  Draw(done);
}

void ProgressBar::Draw(std::int64_t done) {
  const double part =
      total_ == 0 ? 1 : std::min(static_cast<double>(done) / static_cast<double>(total_), 1.0);
  const auto filled = static_cast<std::size_t>(kWidth * part);
  out_ << kClearLine << '[' << std::string(filled, '#') << std::string(kWidth - filled, ' ') << "] "
       << Line(done) << std::flush;
}

void ProgressBar::Done(std::int64_t done) {
  if (mode_ == Mode::kSilent) return;
  if (mode_ == Mode::kTerminal) Draw(done);
  if (mode_ == Mode::kLine) {
    const bool read = unit_ == Unit::kRecordsRead || unit_ == Unit::kSessionsRead;
    out_ << (read ? "read " : "sent ") << Line(done);
  }
  out_ << '\n';
}

}  // namespace calipers::client
