#include "client/cli/commands/output_option.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace calipers::client {

absl::Status Output::Check() const {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, error)) {
    return absl::NotFoundError(
        absl::StrCat("folder ", folder.string(), " does not exist; create it first"));
  }
  if (overwrite || !std::filesystem::exists(path, error)) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat(path, " already exists; --force overwrites it"));
}

void AddOutputOption(CLI::App& command, const std::string& name, Output& output) {
  command.add_option(name, output.path, "The safetensors file to write")->required();
  command.add_flag("--force", output.overwrite, "Overwrite an existing file");
}

}  // namespace calipers::client
