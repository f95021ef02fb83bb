#ifndef CALIPERS_CLIENT_LIBRARY_SEND_WINDOW_H_
#define CALIPERS_CLIENT_LIBRARY_SEND_WINDOW_H_

#include <cstddef>

namespace calipers::client {

/// Counts what is on its way, against how much may be. Not thread-safe.
class SendWindow {
 public:
  SendWindow(std::size_t observations, std::size_t bytes)
      : most_observations_(observations), most_bytes_(bytes) {}

  /// Whether so many more may go, of so many bytes together. What is larger than the whole
  /// window goes alone.
  bool HasRoom(std::size_t observations, std::size_t bytes) const {
    if (observations_ == 0) return true;
    return observations_ + observations <= most_observations_ && bytes_ + bytes <= most_bytes_;
  }

  /// One goes.
  void Add(std::size_t bytes) {
    ++observations_;
    bytes_ += bytes;
  }

  /// One that went is acknowledged.
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
