#ifndef CALIPERS_CLIENT_FORMATS_CAPTURE_PATHS_H_
#define CALIPERS_CLIENT_FORMATS_CAPTURE_PATHS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace calipers::client {

/// The files with captured tensors for which a path stands. A file stands for itself. A file
/// *.index.json of a sharded checkpoint stands for its shards. A directory stands for its
/// .safetensors and .npy files, by name; if it has a model.safetensors.index.json, every shard must
/// be there.
///
/// INVALID_ARGUMENT, with the path, if an index is damaged or names shards that are missing, or if
/// a directory has no such file.
absl::StatusOr<std::vector<std::string>> CapturePaths(const std::string& path);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_CAPTURE_PATHS_H_
