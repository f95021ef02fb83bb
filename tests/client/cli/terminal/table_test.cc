#include "client/cli/terminal/table.h"

#include <gtest/gtest.h>

namespace calipers::client {
namespace {

TEST(TableTest, LinesUpTextLeftAndNumbersRight) {
  Table table({{"session"}, {"count", Table::Align::kRight}, {"note"}});
  table.AddRow({"a", "7", "long enough"});
  table.AddRow({"much longer", "12345678", ""});
  EXPECT_EQ(table.ToString(),
            "session         count  note\n"
            "a                   7  long enough\n"
            "much longer  12345678\n");
}

TEST(TableTest, TableWithoutRowsShowsOnlyItsTitles) {
  EXPECT_EQ(Table({{"a"}, {"b"}}).ToString(), "a  b\n");
}

}  // namespace
}  // namespace calipers::client
