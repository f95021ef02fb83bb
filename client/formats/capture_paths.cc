#include "client/formats/capture_paths.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/formats/as_bytes.h"
#include "client/formats/bounded_json.h"
#include "client/formats/mapped_file.h"
#include "client/formats/quoted.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kIndex[] = "model.safetensors.index.json";
constexpr char kIndexEnd[] = ".index.json";
constexpr int kMaxDepth = 8;
// Names that one message lists.
constexpr std::size_t kShown = 5;

absl::Status BadIndex(const fs::path& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", what));
}

// The names of the shards in an index of transformers.
absl::StatusOr<std::set<std::string>> ShardsOf(const fs::path& index) {
  ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(index.string()));
  const json parsed = ParseBoundedJson(AsText(file.bytes()), kMaxDepth);
  const auto map = parsed.is_object() ? parsed.find("weight_map") : parsed.end();
  if (map == parsed.end() || !map->is_object()) {
    return BadIndex(index, "it is no index of shards: it has no object weight_map");
  }
  std::set<std::string> shards;
  for (const auto& [tensor, shard] : map->items()) {
    const bool is_name = shard.is_string() && !shard.get<std::string>().empty() &&
                         !absl::StrContains(shard.get<std::string>(), '/');
    if (!is_name) {
      return BadIndex(index,
                      absl::StrCat("the shard of ", Quoted(tensor), " is not a file's name"));
    }
    shards.insert(shard.get<std::string>());
  }
  if (shards.empty()) return BadIndex(index, "its weight_map is empty");
  return shards;
}

absl::StatusOr<std::vector<std::string>> PathsOfShards(const fs::path& index) {
  ASSIGN_OR_RETURN(const std::set<std::string> shards, ShardsOf(index));
  std::vector<std::string> paths;
  std::vector<std::string> missing;
  for (const std::string& shard : shards) {
    const fs::path path = index.parent_path() / shard;
    std::error_code error;
    (fs::is_regular_file(path, error) ? paths : missing).push_back(path.string());
  }
  if (missing.empty()) return paths;
  const std::size_t shown = std::min(missing.size(), kShown);
  return absl::InvalidArgumentError(absl::StrCat(
      index.string(), " names ", shards.size(), " shards; missing: ", missing.size(), ": ",
      absl::StrJoin(missing.begin(), missing.begin() + static_cast<std::ptrdiff_t>(shown), ", "),
      missing.size() > shown ? ", ..." : "", " (download them, or give the files to observe)"));
}

absl::StatusOr<std::vector<std::string>> PathsInDirectory(const fs::path& directory) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string path = it->path().string();
    if (absl::EndsWith(path, ".safetensors") || absl::EndsWith(path, ".npy")) {
      paths.push_back(path);
    }
  }
  if (error) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory.string(), " cannot be read: ", error.message()));
  }
  if (const fs::path index = directory / kIndex; fs::exists(index, error)) {
    RETURN_IF_ERROR(PathsOfShards(index).status());
  }
  if (paths.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory.string(), " holds no .safetensors and no .npy file"));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CapturePaths(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return PathsInDirectory(path);
  if (absl::EndsWith(path, kIndexEnd)) return PathsOfShards(path);
  return std::vector<std::string>{path};
}

}  // namespace calipers::client
