#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "client/cli/commands/command.h"
#include "client/formats/number_format.h"

namespace calipers::client {
namespace {

constexpr char kBackupFooter[] =
    R"(Copies all runs of the server into a directory beside its data, while the server keeps
serving. The directory is on the server's machine: copy it to another machine, so that
the backup survives a failure of the disk. calipers-server --restore-from starts from it.

Examples:
  calipers backup friday
  calipers --server calibration:50051 --timeout 600 backup before-upgrade --json

Prints the directory and the size of the backup.)";

int Backup(const Global& global, const std::string& name) {
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  const auto backup = (*client)->CreateBackup(name);
  if (!backup.ok()) {
    const int status = Fail(backup.status());
    return absl::IsFailedPrecondition(backup.status()) ? kSomeRefused : status;
  }
  if (global.json) {
    const nlohmann::ordered_json json = {{"path", backup->path()},
                                         {"size_bytes", backup->size_bytes()}};
    std::cout << json.dump() << '\n';
  } else {
    std::cout << backup->path() << "  " << BytesText(static_cast<double>(backup->size_bytes()))
              << '\n';
  }
  return kDone;
}

}  // namespace

void AddBackup(CLI::App& app, Action& selected) {
  const auto name = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("backup", "Back up the server's data, on its disk");
  command->add_option("NAME", *name, "1 to 128 characters of [A-Za-z0-9._-]")->required();
  command->footer(kBackupFooter);
  command->callback([name, &selected] {
    selected = [name](const Global& global) { return Backup(global, *name); };
  });
}

}  // namespace calipers::client
