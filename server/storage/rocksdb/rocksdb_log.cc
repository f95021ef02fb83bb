#include "server/storage/rocksdb/rocksdb_log.h"

#include <array>
#include <cstdio>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/time/clock.h"
#include "server/base/log.h"

namespace calipers::server {
namespace {

constexpr absl::Duration kBetweenSame = absl::Minutes(1);

}  // namespace

void RocksdbLog::Logv(rocksdb::InfoLogLevel level, const char* format, va_list arguments) {
  if (level < GetInfoLogLevel() || level == rocksdb::InfoLogLevel::HEADER_LEVEL) return;
  if (!IsDue(format)) return;
  std::array<char, 1024> text{};
  if (std::vsnprintf(text.data(), text.size(), format, arguments) < 0) return;
  LogWarning("rocksdb",
             {{"message", std::string(absl::StripTrailingAsciiWhitespace(text.data()))}});
}

bool RocksdbLog::IsDue(const char* format) {
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mu_);
  const auto [last, is_new] = last_written_.try_emplace(format, now);
  if (!is_new && now - last->second < kBetweenSame) return false;
  last->second = now;
  return true;
}

}  // namespace calipers::server
