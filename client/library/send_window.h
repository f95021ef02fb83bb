#ifndef CALIPERS_CLIENT_LIBRARY_SEND_WINDOW_H_
#define CALIPERS_CLIENT_LIBRARY_SEND_WINDOW_H_

#include <cstddef>

namespace calipers::client {

/// Limits the observations that are in flight, by number and by bytes. Not thread-safe.
class SendWindow {
 public:
  SendWindow(std::size_t observations, std::size_t bytes)
      : most_observations_(observations), most_bytes_(bytes) {}

  /// True if there is room for `observations` more, with `bytes` in total. An empty window always
  /// has room, so an observation that is larger than the window is sent alone.
  bool HasRoom(std::size_t observations, std::size_t bytes) const {
    if (observations_ == 0) return true;
    return observations_ + observations <= most_observations_ && bytes_ + bytes <= most_bytes_;
  }

  /// Counts an observation that is sent.
  void Add(std::size_t bytes) {
    ++observations_;
    bytes_ += bytes;
  }

  /// Counts an observation that is acknowledged.
  void Remove(std::size_t bytes) {
    --observations_;
    bytes_ -= bytes;
  }

 private:
  const std::size_t most_observations_;
  const std::size_t most_bytes_;
  std::size_t observations_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_LIBRARY_SEND_WINDOW_H_
