#include "client/cli/terminal/table.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace calipers::client {

std::string Table::ToString() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = columns_[c].title.size();
    for (const auto& row : rows_) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  std::string text;
  const auto add_line = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const std::string& cell = cell_of(c);
      const std::string blanks(widths[c] - cell.size(), ' ');
      absl::StrAppend(&line, c == 0 ? "" : "  ");
      if (columns_[c].align == Align::kRight) {
        absl::StrAppend(&line, blanks, cell);
      } else {
        absl::StrAppend(&line, cell, blanks);
      }
    }
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line), "\n");
  };
  add_line([this](std::size_t c) -> const std::string& { return columns_[c].title; });
  for (const auto& row : rows_) {
    add_line([&row](std::size_t c) -> const std::string& { return row[c]; });
  }
  return text;
}

}  // namespace calipers::client
