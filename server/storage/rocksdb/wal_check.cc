#include "server/storage/rocksdb/wal_check.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/status_macros.h"

namespace calipers::server {
namespace {

// RocksDB's log format: a log consists of blocks, and a block consists of fragments. No fragment
// crosses the end of a block. The header of a fragment is a checksum, a length and a kind. The
// checksum covers the kind and the bytes after the header.
constexpr std::size_t kBlock = 32768;
constexpr std::size_t kHeader = 7;
// The kinds are whole, first, middle and last. Greater kinds belong to options that the store does
// not use.
constexpr std::uint8_t kFirstKind = 1;
constexpr std::uint8_t kLastKind = 4;

constexpr std::array<std::uint32_t, 256> MakeCrc32cTable() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kCrc32c = MakeCrc32cTable();

std::uint8_t ByteAt(absl::string_view text, std::size_t at) {
  return static_cast<std::uint8_t>(text[at]);
}

// The checksum as RocksDB stores it: a CRC-32C, rotated, plus a constant.
std::uint32_t Checksum(std::uint8_t kind, absl::string_view payload) {
  std::uint32_t crc = kCrc32c[(0xffffffffU ^ kind) & 0xff] ^ (0xffffffffU >> 8);
  for (const char c : payload) {
    crc = kCrc32c[(crc ^ static_cast<std::uint8_t>(c)) & 0xff] ^ (crc >> 8);
  }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

struct Fragment {
  std::uint32_t checksum;
  std::size_t length;
  std::uint8_t kind;
};

Fragment HeaderAt(absl::string_view log, std::size_t at) {
  std::uint32_t checksum = 0;
  for (int i = 3; i >= 0; --i) {
    checksum = (checksum << 8) | ByteAt(log, at + static_cast<std::size_t>(i));
  }
  const std::size_t length = ByteAt(log, at + 4) | std::size_t{ByteAt(log, at + 5)} << 8;
  return {checksum, length, ByteAt(log, at + 6)};
}

bool IsKind(std::uint8_t kind) { return kind >= kFirstKind && kind <= kLastKind; }

// The end of the block that holds `at`, or of the log if that is earlier.
std::size_t BlockEnd(absl::string_view log, std::size_t at) {
  return std::min(log.size(), (at / kBlock + 1) * kBlock);
}

bool FitsBlock(absl::string_view log, std::size_t at, const Fragment& fragment) {
  return at + kHeader + fragment.length <= BlockEnd(log, at);
}

bool IsIntactAt(absl::string_view log, std::size_t at) {
  if (at + kHeader > log.size()) return false;
  const Fragment fragment = HeaderAt(log, at);
  return IsKind(fragment.kind) && FitsBlock(log, at, fragment) &&
         Checksum(fragment.kind, log.substr(at + kHeader, fragment.length)) == fragment.checksum;
}

// True if flipping one bit of its length or kind makes the fragment at `at` intact.
bool IsIntactButForOneBit(absl::string_view log, std::size_t at) {
  const Fragment found = HeaderAt(log, at);
  for (int bit = 0; bit < 24; ++bit) {
    Fragment fragment = found;
    if (bit < 16) {
      fragment.length ^= std::size_t{1} << bit;
    } else {
      fragment.kind = static_cast<std::uint8_t>(fragment.kind ^ (1 << (bit - 16)));
    }
    if (!IsKind(fragment.kind) || !FitsBlock(log, at, fragment)) continue;
    const auto payload = log.substr(at + kHeader, fragment.length);
    if (Checksum(fragment.kind, payload) == fragment.checksum) return true;
  }
  return false;
}

// The byte at which RocksDB would stop reading before the end; nullopt if it reads to the end.
std::optional<std::size_t> FindStop(absl::string_view log) {
  std::size_t at = 0;
  while (at + kHeader <= log.size()) {
    if (kBlock - at % kBlock < kHeader) {
      at += kBlock - at % kBlock;
      continue;
    }
    const Fragment fragment = HeaderAt(log, at);
    if (!IsKind(fragment.kind) || !FitsBlock(log, at, fragment)) return at;
    at += kHeader + fragment.length;
  }
  return std::nullopt;
}

// True if an intact fragment follows. An interrupted write has none behind it.
bool HasIntactAfter(absl::string_view log, std::size_t at) {
  const std::size_t end = std::min(log.size(), BlockEnd(log, at) + kBlock);
  for (std::size_t next = at + 1; next < end; ++next) {
    if (IsIntactAt(log, next)) return true;
  }
  return false;
}

absl::StatusOr<std::string> ReadAll(rocksdb::FileSystem& file_system, const std::string& path) {
  std::string content;
  const rocksdb::IOStatus status = rocksdb::ReadFileToString(&file_system, path, &content);
  if (!status.ok()) {
    return absl::UnavailableError(absl::StrCat("cannot read ", path, ": ", status.ToString()));
  }
  return content;
}

}  // namespace

absl::Status CheckWal(absl::string_view name, absl::string_view content) {
  const std::optional<std::size_t> stop = FindStop(content);
  if (!stop) return absl::OkStatus();
  if (!IsIntactButForOneBit(content, *stop) && !HasIntactAfter(content, *stop)) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      name, " is damaged at byte ", *stop,
      ", and the rest of the file cannot be read: check the disk, and restore the data "
      "directory from a backup"));
}

absl::Status CheckWals(rocksdb::FileSystem& file_system, const std::string& directory) {
  std::vector<std::string> names;
  const rocksdb::IOStatus listed = file_system.GetChildren(directory, {}, &names, nullptr);
  if (listed.IsNotFound()) return absl::OkStatus();
  if (!listed.ok()) {
    return absl::UnavailableError(absl::StrCat("cannot list ", directory, ": ", listed.ToString()));
  }
  std::string manifest;
  if (std::find(names.begin(), names.end(), "CURRENT") != names.end()) {
    ASSIGN_OR_RETURN(manifest, ReadAll(file_system, directory + "/CURRENT"));
    manifest = std::string(absl::StripSuffix(manifest, "\n"));
  }
  for (const std::string& name : names) {
    if (!absl::EndsWith(name, ".log") && name != manifest) continue;
    const std::string path = absl::StrCat(directory, "/", name);
    ASSIGN_OR_RETURN(const std::string content, ReadAll(file_system, path));
    RETURN_IF_ERROR(CheckWal(path, content));
  }
  return absl::OkStatus();
}

}  // namespace calipers::server
