#include "server/storage/rocksdb/data_format.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"
#include "server/storage/rocksdb/durable_files.h"
#include "server/storage/rocksdb/rocksdb_status.h"

namespace calipers::server {
namespace {

// Names in a directory that still counts as empty: files of an interrupted start or restore, and
// the directory that a file system creates at its root.
constexpr std::array<absl::string_view, 4> kNothing = {"LOCK", "FORMAT.tmp", "db.part",
                                                       "lost+found"};

std::string FormatFile(const std::string& directory) { return directory + "/FORMAT"; }

// The format that the text of a file FORMAT names.
absl::StatusOr<int> ParseFormat(const std::string& directory, absl::string_view text) {
  absl::string_view number = text;
  int format = 0;
  // Check for digits, because SimpleAtoi also accepts signs and blanks.
  if (!absl::ConsumePrefix(&number, "calipers ") || !absl::ConsumeSuffix(&number, "\n") ||
      !std::all_of(number.begin(), number.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(number, &format) || format < 1) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory,
                     " is not a data directory, or is damaged: its file FORMAT does not contain "
                     "\"calipers ",
                     kDataFormat, "\" (give another directory, or restore a backup)"));
  }
  if (format > kDataFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " was written by a newer Calipers: it has format ", format,
                     ", and this version reads formats ", kOldestFormat, " to ", kDataFormat,
                     ": use the newer version, or export with it and import here"));
  }
  if (format < kOldestFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " was written by an older Calipers: it has format ", format,
                     ", and this version reads formats ", kOldestFormat, " to ", kDataFormat,
                     ": use the older version, or export with it and import here"));
  }
  return format;
}

}  // namespace

absl::StatusOr<std::optional<int>> FormatOf(rocksdb::FileSystem& files,
                                            const std::string& directory) {
  ASSIGN_OR_RETURN(const bool marked, FileExists(files, FormatFile(directory)));
  if (marked) {
    std::string text;
    RETURN_IF_ERROR(FromDisk(rocksdb::ReadFileToString(&files, FormatFile(directory), &text),
                             "reading", FormatFile(directory)));
    ASSIGN_OR_RETURN(const int format, ParseFormat(directory, text));
    return format;
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(files, directory));
  for (const std::string& name : names) {
    if (std::find(kNothing.begin(), kNothing.end(), name) != kNothing.end()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(directory, " is neither empty nor a data directory: it has ", name,
                     " and no file FORMAT (give an empty directory or a server's data directory)"));
  }
  return std::nullopt;
}

std::string UnfinishedRestore(const std::string& directory) { return directory + "/db.part"; }

absl::Status MarkDataDirectory(rocksdb::FileSystem& files, const std::string& directory) {
  return WriteFileDurably(files, FormatFile(directory),
                          absl::StrCat("calipers ", kDataFormat, "\n"));
}

}  // namespace calipers::server
