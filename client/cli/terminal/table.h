#ifndef CALIPERS_CLIENT_CLI_TERMINAL_TABLE_H_
#define CALIPERS_CLIENT_CLI_TERMINAL_TABLE_H_

#include <string>
#include <vector>

namespace calipers::client {

/// Lines up cells in columns: text to the left, numbers to the right.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// Adds a row with one cell for each column.
  void AddRow(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  /// Title line and rows, each with a newline; no trailing blanks.
  std::string ToString() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_CLI_TERMINAL_TABLE_H_
