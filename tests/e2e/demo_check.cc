// Folds the files of a demo in this process, without a server, and compares each range with the
// output of `calipers minmax --json`, bit for bit.
// // demo_check ANSWERS.json FILE... [flags of calipers observe]

#include <CLI/CLI.hpp>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/spec_options.h"
#include "client/formats/capture.h"
#include "core/fold/observer.h"
#include "core/reduce/geometry.h"
#include "core/reduce/reducer.h"
#include "core/status_macros.h"

namespace calipers {
namespace {

using client::Capture;

// The session's args, from the same flags as in `calipers observe`.
absl::StatusOr<QuantizationArgs> ArgsOf(const client::SpecOptions& spec, BaseName base_name) {
  const v1::Session session = spec.ToSession(base_name);
  QuantizationArgsInput input;
  if (session.args().strategy() != v1::STRATEGY_UNSPECIFIED) {
    input.strategy = static_cast<Strategy>(session.args().strategy());
  }
  if (session.args().has_group_size()) input.group_size = session.args().group_size();
  return ResolveQuantizationArgs(input);
}

absl::StatusOr<Record> Reduce(const Capture& capture, const QuantizationArgs& args) {
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(capture.tensor.dtype));
  ASSIGN_OR_RETURN(
      View view, MakeView(capture.name.base_name, args, Arithmetic::kExact, capture.tensor.shape));
  const std::int64_t num_observations = view.num_observations;
  Reducer reducer(dtype, std::move(view), num_observations);
  RETURN_IF_ERROR(reducer.Update(capture.tensor.data));
  return std::move(reducer).Finish();
}

using Series = std::map<std::int64_t, const Capture*>;

absl::StatusOr<FoldedRange> Fold(const Series& series, const client::SpecOptions& spec) {
  ASSIGN_OR_RETURN(const QuantizationArgs args,
                   ArgsOf(spec, series.begin()->second->name.base_name));
  ASSIGN_OR_RETURN(const std::unique_ptr<Observer> observer,
                   MakeObserver(args.observer, {.averaging_constant = args.averaging_constant}));
  for (const auto& [index, capture] : series) {
    ASSIGN_OR_RETURN(const Record record, Reduce(*capture, args));
    observer->Add(record);
  }
  return observer->Answer();
}

// True if the JSON values equal the elements. Adds their number to `compared`.
bool Same(const nlohmann::json& tensor, const Elements& elements, std::int64_t& compared) {
  const nlohmann::json& values = tensor["values"];
  if (values.size() != elements.size()) return false;
  for (std::size_t i = 0; i < elements.size(); ++i) {
    ++compared;
    if (!values[i].is_number() || values[i].get<double>() != elements[i]) return false;
  }
  return true;
}

int Check(const std::string& answers, const std::vector<std::string>& paths,
          const client::SpecOptions& spec) {
  std::vector<client::CaptureFile> files;
  std::map<std::string, Series> sessions;
  for (const std::string& path : paths) {
    auto file = client::OpenCaptureFile(path);
    if (!file.ok()) return client::Fail(file.status());
    files.push_back(*std::move(file));
    for (const Capture& capture : files.back().captures) {
      sessions[capture.name.session_id][capture.name.index] = &capture;
    }
  }
  std::size_t answered = 0;
  std::size_t differ = 0;
  std::int64_t compared = 0;
  std::ifstream lines(answers);
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json answer = nlohmann::json::parse(line, nullptr, false);
    if (!answer.is_object() || !answer.contains("range")) {
      std::cerr << "not an answer: " << line.substr(0, 200) << '\n';
      return 1;
    }
    const std::string id = client::SessionId(answer["session"].get<std::string>());
    const auto found = sessions.find(id);
    const auto folded = found == sessions.end()
                            ? absl::StatusOr<FoldedRange>(absl::NotFoundError(id))
                            : Fold(found->second, spec);
    ++answered;
    if (!folded.ok() || !Same(answer["range"]["min"], folded->range.min, compared) ||
        !Same(answer["range"]["max"], folded->range.max, compared) ||
        !Same(answer["global"]["min"], folded->global.min, compared) ||
        !Same(answer["global"]["max"], folded->global.max, compared)) {
      ++differ;
      std::cerr << "differs: " << id << ' ' << folded.status() << '\n';
    }
  }
  std::cout << absl::StrCat("demo: ", answered, " of ", sessions.size(), " sessions, ", compared,
                            " values compared with an in-process fold, ", differ,
                            " sessions differ\n");
  return differ == 0 && answered == sessions.size() && answered > 0 ? 0 : 1;
}

}  // namespace
}  // namespace calipers

int main(int argc, char** argv) {
  std::string answers;
  std::vector<std::string> files;
  calipers::client::SpecOptions spec;
  CLI::App app("Checks the demo's answers.");
  app.add_option("ANSWERS", answers)->required()->check(CLI::ExistingFile);
  app.add_option("FILE", files)->required()->check(CLI::ExistingFile);
  spec.AddTo(app);
  CLI11_PARSE(app, argc, argv);
  return calipers::Check(answers, files, spec);
}
