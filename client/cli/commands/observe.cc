#include <fnmatch.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/cli/commands/command.h"
#include "client/cli/commands/refusals.h"
#include "client/cli/commands/session_json.h"
#include "client/cli/commands/spec_options.h"
#include "client/cli/commands/whole_number.h"
#include "client/cli/terminal/progress_bar.h"
#include "client/cli/terminal/table.h"
#include "client/formats/capture.h"
#include "client/formats/capture_paths.h"
#include "client/formats/quoted.h"
#include "client/library/observation_stream.h"
#include "core/status_macros.h"

namespace calipers::client {
namespace {

constexpr char kObserveFooter[] =
    R"(Sends the captured tensors in safetensors and .npy files. docs/captures.md describes
the names of the tensors, and calipers inspect shows what is sent. Of a directory all
files are sent; the shards of a checkpoint must be complete. Sessions are created as
needed. Sending a file again is safe: observations that are already stored are counted
as duplicates.

Examples:
  calipers observe model.safetensors --weight-strategy group --group-size 128
  calipers observe activations.safetensors --workers 4 --arithmetic reference
  calipers observe *.safetensors --include '*down_proj/input' --run mixed

Prints how many observations were stored, duplicate, in conflict and rejected. Exit
status 1 if an observation was in conflict or rejected.)";

struct ObserveOptions {
  std::vector<std::string> files;
  int workers = 1;
  std::string worker_name = "calipers";
  std::uint64_t piece_bytes = client::StreamOptions().piece_bytes;
  int max_attempts = client::StreamOptions().max_attempts;
  std::string include;
  std::string exclude;
  SpecOptions spec;
};

bool Wanted(const ObserveOptions& options, const std::string& session_id) {
  const auto matches = [&session_id](const std::string& glob) {
    return fnmatch(glob.c_str(), session_id.c_str(), 0) == 0;
  };
  return (options.include.empty() || matches(options.include)) &&
         (options.exclude.empty() || !matches(options.exclude));
}

absl::StatusOr<std::vector<CaptureFile>> OpenCaptures(const std::vector<std::string>& paths) {
  std::vector<CaptureFile> files;
  for (const std::string& given : paths) {
    ASSIGN_OR_RETURN(const std::vector<std::string> found, CapturePaths(given));
    for (const std::string& path : found) {
      ASSIGN_OR_RETURN(CaptureFile file, OpenCaptureFile(path));
      files.push_back(std::move(file));
    }
  }
  return files;
}

// The captures to send, sorted by batch index, so that the server's series grow from the front.
std::vector<const Capture*> Select(const ObserveOptions& options,
                                   const std::vector<CaptureFile>& files) {
  std::vector<const Capture*> selected;
  for (const CaptureFile& file : files) {
    for (const Capture& capture : file.captures) {
      if (Wanted(options, capture.name.session_id)) selected.push_back(&capture);
    }
  }
  std::stable_sort(selected.begin(), selected.end(), [](const Capture* a, const Capture* b) {
    return a->name.index < b->name.index;
  });
  return selected;
}

absl::Status CreateSessions(const Client& client, const Global& global,
                            const ObserveOptions& options,
                            const std::vector<const Capture*>& captures) {
  std::map<std::string, BaseName> sessions;
  for (const Capture* capture : captures) {
    sessions.emplace(capture->name.session_id, capture->name.base_name);
  }
  for (const auto& [session_id, base_name] : sessions) {
    v1::CreateSessionRequest request;
    request.set_parent(global.RunName());
    request.set_session_id(session_id);
    *request.mutable_session() = options.spec.ToSession(base_name);
    RETURN_IF_ERROR(client.CreateSession(request).status());
  }
  return absl::OkStatus();
}

v1::ObservationHeader HeaderOf(const Global& global, const Capture& capture) {
  v1::ObservationHeader header;
  header.set_session(global.SessionName(capture.name.session_id));
  header.set_index(capture.name.index);
  header.set_dtype(capture.tensor.dtype);
  header.mutable_shape()->Assign(capture.tensor.shape.begin(), capture.tensor.shape.end());
  return header;
}

absl::Status CheckUnchanged(const MappedFile& file) {
  absl::Status status = file.CheckUnchanged();
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat(status.message(),
                                   "; what was sent of it may hold wrong values: reset its "
                                   "sessions, and send the file again when it is complete"));
}

absl::Status CheckFilesUnchanged(const std::vector<const Capture*>& captures) {
  std::set<const MappedFile*> files;
  for (const Capture* capture : captures) files.insert(capture->file.get());
  for (const MappedFile* file : files) RETURN_IF_ERROR(CheckUnchanged(*file));
  return absl::OkStatus();
}

// Sends one worker's share, every `workers`-th capture, over a connection of its own.
absl::Status Send(const Client& client, const Global& global, const ObserveOptions& options,
                  const std::vector<const Capture*>& captures, int worker, Refusals& refusals,
                  std::atomic<std::int64_t>& sent, StreamTotals& totals) {
  StreamOptions stream_options;
  stream_options.worker = absl::StrCat(options.worker_name, "-", worker);
  stream_options.piece_bytes = options.piece_bytes;
  stream_options.max_attempts = options.max_attempts;
  stream_options.check_data = [&captures] { return CheckFilesUnchanged(captures); };
  ObservationStream stream(
      client.NewChannel(), stream_options,
      [&refusals](const auto& header, const auto& ack) { refusals.Add(header, ack); });
  absl::Status status;
  for (auto i = static_cast<std::size_t>(worker); status.ok() && i < captures.size();
       i += static_cast<std::size_t>(options.workers)) {
    status = CheckUnchanged(*captures[i]->file);
    if (!status.ok()) break;
    status =
        stream.Observe(HeaderOf(global, *captures[i]), captures[i]->tensor.data, captures[i]->file);
    sent += static_cast<std::int64_t>(captures[i]->tensor.data.size());
  }
  if (status.ok()) status = stream.Finish();
  if (status.ok()) status = CheckFilesUnchanged(captures);
  totals = stream.totals();
  return status;
}

// Runs the workers and shows their progress. Returns the first error.
absl::Status SendAll(const Client& client, const Global& global, const ObserveOptions& options,
                     const std::vector<const Capture*>& captures, Refusals& refusals,
                     StreamTotals& sum) {
  std::int64_t total_bytes = 0;
  for (const Capture* capture : captures) {
    total_bytes += static_cast<std::int64_t>(capture->tensor.data.size());
  }
  const auto workers = static_cast<std::size_t>(options.workers);
  std::vector<StreamTotals> totals(workers);
  std::vector<absl::Status> statuses(workers);
  std::atomic<std::int64_t> sent{0};
  absl::Mutex mu;
  int running = options.workers;
  std::vector<std::thread> threads;
  for (std::size_t w = 0; w < workers; ++w) {
    threads.emplace_back([&, w] {
      statuses[w] =
          Send(client, global, options, captures, static_cast<int>(w), refusals, sent, totals[w]);
      absl::MutexLock lock(&mu);
      --running;
    });
  }
  ProgressBar bar = global.Progress(ProgressBar::Unit::kBytesSent, total_bytes);
  const auto all_done = [&running] { return running == 0; };
  for (bool done = false; !done;) {
    bar.Update(sent);
    absl::MutexLock lock(&mu);
    done = mu.AwaitWithTimeout(absl::Condition(&all_done), absl::Milliseconds(100));
  }
  for (std::thread& thread : threads) thread.join();
  bar.Done(sent);
  absl::Status first;
  for (std::size_t w = 0; w < workers; ++w) {
    first.Update(statuses[w]);
    sum += totals[w];
  }
  return first;
}

void Print(const Global& global, const StreamTotals& totals, std::size_t skipped,
           const Refusals& refusals) {
  if (global.json) {
    nlohmann::ordered_json json = ToJson(totals);
    json["skipped_tensors"] = skipped;
    json["first_refused"] = refusals.first();
    std::cout << json.dump() << '\n';
    return;
  }
  using Align = Table::Align;
  Table table({{"stored", Align::kRight},
               {"duplicate", Align::kRight},
               {"conflict", Align::kRight},
               {"rejected", Align::kRight},
               {"skipped tensors", Align::kRight},
               {"reconnects", Align::kRight}});
  table.AddRow({absl::StrCat(totals.stored), absl::StrCat(totals.duplicates),
                absl::StrCat(totals.conflicts), absl::StrCat(totals.rejected),
                absl::StrCat(skipped), absl::StrCat(totals.reconnects)});
  std::cout << table.ToString();
  refusals.Print(std::cerr);
}

// Counts the skipped tensors, and reports tensors that were skipped for their dtype: without
// the report a user would not notice that a weight was left out.
std::size_t ReportSkipped(const std::vector<CaptureFile>& files) {
  std::size_t skipped = 0;
  for (const CaptureFile& file : files) {
    skipped += file.skipped.size();
    std::map<std::string, std::vector<std::string>> by_dtype;
    for (const SkippedTensor& tensor : file.skipped) {
      if (tensor.for_dtype) by_dtype[tensor.dtype].push_back(tensor.name);
    }
    for (const auto& [dtype, names] : by_dtype) {
      std::cerr << "calipers: skipped " << names.size() << " tensors of dtype " << Quoted(dtype)
                << ", which is not supported; the first is " << Quoted(names.front()) << '\n';
    }
  }
  return skipped;
}

// Runs before anything is sent or created, so that either all tensors are sent or none.
absl::Status CheckCaptures(const std::vector<const Capture*>& captures, std::size_t skipped) {
  if (captures.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the files hold no tensor to observe (", skipped,
        " tensors have other names or dtypes): calipers inspect lists them, and docs/captures.md "
        "describes the names and dtypes"));
  }
  for (const Capture* capture : captures) RETURN_IF_ERROR(CheckModule(*capture));
  return absl::OkStatus();
}

int Observe(const Global& global, const ObserveOptions& options) {
  if (const absl::Status usage = options.spec.Check(kAllBaseNames); !usage.ok()) {
    return FailUsage(usage);
  }
  const auto files = OpenCaptures(options.files);
  if (!files.ok()) return Fail(files.status());
  const std::vector<const Capture*> captures = Select(options, *files);
  const std::size_t skipped = ReportSkipped(*files);
  if (absl::Status fit = CheckCaptures(captures, skipped); !fit.ok()) return Fail(fit);
  const auto client = global.Connect();
  if (!client.ok()) return Fail(client.status());
  if (absl::Status created = CreateSessions(**client, global, options, captures); !created.ok()) {
    return Fail(created);
  }
  Refusals refusals;
  StreamTotals totals;
  const absl::Status sent = SendAll(**client, global, options, captures, refusals, totals);
  Print(global, totals, skipped, refusals);
  if (!sent.ok()) return Fail(sent);
  return totals.conflicts + totals.rejected > 0 ? kSomeRefused : kDone;
}

}  // namespace

void AddObserve(CLI::App& app, Action& selected) {
  const auto options = std::make_shared<ObserveOptions>();
  CLI::App* command = app.add_subcommand("observe", "Send captured tensors from files");
  command
      ->add_option("FILE", options->files,
                   "A .safetensors or .npy file, a directory of such files, or the "
                   "model.safetensors.index.json of a sharded checkpoint")
      ->required()
      ->check(CLI::ExistingPath);
  command->add_option("--workers", options->workers, "Number of streams; they share the batches")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--worker-name", options->worker_name,
                   "Name of the workers in coverage: NAME-0, NAME-1 ...")
      ->capture_default_str();
  command->add_option("--piece-size", options->piece_bytes, "Bytes of a tensor in one message")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{1} << 10, std::uint64_t{1} << 30))
      ->capture_default_str();
  command
      ->add_option("--max-attempts", options->max_attempts,
                   "Give up after this number of attempts in a row without an "
                   "acknowledgement; pauses between attempts grow to 5 s")
      ->check(WholeNumberFrom(1))
      ->capture_default_str();
  command->add_option("--include", options->include,
                      "Send only sessions whose MODULE/BASE_NAME matches this glob");
  command->add_option("--exclude", options->exclude,
                      "Leave out sessions whose MODULE/BASE_NAME matches this glob");
  options->spec.AddTo(*command);
  command->footer(kObserveFooter);
  command->callback([options, &selected] {
    selected = [options](const Global& global) { return Observe(global, *options); };
  });
}

}  // namespace calipers::client
