#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/terminal/table.h"
#include "client/formats/capture.h"
#include "client/formats/capture_paths.h"
#include "core/reduce/geometry.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kInspectFooter[] =
    R"(Shows what calipers observe would send: the session and the batch index of each tensor,
and the tensors that are skipped, with the reason. Sends nothing and needs no server.

Examples:
  calipers inspect model.safetensors
  calipers inspect checkpoint/ --json

With --json a line of JSON for each tensor. Exit status 1 if a file cannot be observed.)";

// A line of the output.
struct Line {
  std::string tensor = {};
  std::string session = {};  // empty: skipped
  std::int64_t index = 0;
  std::string dtype = {};
  std::vector<std::int64_t> shape = {};
  std::string skipped = {};  // the reason
};

std::string WhySkipped(const SkippedTensor& tensor) {
  return tensor.for_dtype ? absl::StrCat("dtype ", tensor.dtype, " is not observed")
                          : "its name is not MODULE.weight or MODULE/BASE_NAME/INDEX";
}

absl::StatusOr<std::vector<Line>> LinesOf(const std::string& path) {
  ASSIGN_OR_RETURN(const CaptureFile file, OpenCaptureFile(path));
  std::vector<Line> lines;
  for (const Capture& capture : file.captures) {
    const absl::Status fits = CheckModule(capture);
    lines.push_back({.tensor = capture.tensor.name.empty() ? path : capture.tensor.name,
                     .session = fits.ok() ? capture.name.session_id : "",
                     .index = capture.name.index,
                     .dtype = capture.tensor.dtype,
                     .shape = capture.tensor.shape,
                     .skipped = std::string(fits.message())});
  }
  for (const SkippedTensor& tensor : file.skipped) {
    lines.push_back({.tensor = tensor.name,
                     .dtype = tensor.dtype,
                     .shape = tensor.shape,
                     .skipped = WhySkipped(tensor)});
  }
  std::sort(lines.begin(), lines.end(),
            [](const Line& a, const Line& b) { return a.tensor < b.tensor; });
  return lines;
}

absl::StatusOr<std::vector<Line>> LinesOfAll(const std::vector<std::string>& paths) {
  std::vector<Line> lines;
  for (const std::string& given : paths) {
    ASSIGN_OR_RETURN(const std::vector<std::string> files, CapturePaths(given));
    for (const std::string& file : files) {
      ASSIGN_OR_RETURN(std::vector<Line> found, LinesOf(file));
      std::move(found.begin(), found.end(), std::back_inserter(lines));
    }
  }
  return lines;
}

void PrintJson(const std::vector<Line>& lines) {
  for (const Line& line : lines) {
    nlohmann::ordered_json json = {
        {"tensor", line.tensor}, {"dtype", line.dtype}, {"shape", line.shape}};
    if (line.session.empty()) {
      json["skipped"] = line.skipped;
    } else {
      json["session"] = line.session;
      json["index"] = line.index;
    }
    std::cout << json.dump() << '\n';
  }
}

void PrintTable(const std::vector<Line>& lines) {
  using Align = Table::Align;
  Table table({{"tensor"}, {"session"}, {"index", Align::kRight}, {"dtype"}, {"shape"}});
  std::size_t sent = 0;
  for (const Line& line : lines) {
    if (line.session.empty()) continue;
    table.AddRow(
        {line.tensor, line.session, absl::StrCat(line.index), line.dtype, ShapeText(line.shape)});
    ++sent;
  }
  if (sent > 0) std::cout << table.ToString();
  Table skipped({{"skipped"}, {"dtype"}, {"shape"}, {"why"}});
  for (const Line& line : lines) {
    if (!line.session.empty()) continue;
    skipped.AddRow({line.tensor, line.dtype, ShapeText(line.shape), line.skipped});
  }
  if (sent < lines.size()) std::cout << (sent > 0 ? "\n" : "") << skipped.ToString();
}

int Inspect(const Global& global, const std::vector<std::string>& paths) {
  const auto lines = LinesOfAll(paths);
  if (!lines.ok()) return Fail(lines.status());
  global.json ? PrintJson(*lines) : PrintTable(*lines);
  return kDone;
}

}  // namespace

void AddInspect(CLI::App& app, Action& selected) {
  const auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      app.add_subcommand("inspect", "Show what observe would send of files, and what it skips");
  command->add_option("FILE", *paths, "As for observe: files, directories, or an index of shards")
      ->required()
      ->check(CLI::ExistingPath);
  command->footer(kInspectFooter);
  command->callback([paths, &selected] {
    selected = [paths](const Global& global) { return Inspect(global, *paths); };
  });
}

}  // namespace calipers::client
