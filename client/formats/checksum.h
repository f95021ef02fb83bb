#ifndef CALIPERS_CLIENT_FORMATS_CHECKSUM_H_
#define CALIPERS_CLIENT_FORMATS_CHECKSUM_H_

#include <xxhash.h>

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/types/span.h"

namespace calipers::client {

/// The XXH3-128 of bytes, in canonical, big-endian form.
using Checksum = std::array<std::byte, 16>;

Checksum ChecksumOf(absl::Span<const std::byte> bytes);

/// The checksum of bytes that come in parts.
class RunningChecksum {
 public:
  RunningChecksum();
  void Append(absl::Span<const std::byte> bytes);
  /// The checksum of all bytes so far.
  Checksum Get() const;

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

/// The member `checksum` of a session in a run file, in hexadecimal (docs/run-file.md). `tensors`
/// are the checksums of the session's tensors by their names without the session's id. `metadata`
/// is the session's object in the file's metadata; a member `checksum` in it is left out.
std::string SessionChecksum(const std::map<std::string, Checksum>& tensors,
                            nlohmann::json metadata);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_CHECKSUM_H_
