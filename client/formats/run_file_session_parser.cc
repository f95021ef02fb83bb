#include "client/formats/run_file_session_parser.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/formats/bounded_json.h"
#include "client/formats/checksum.h"
#include "client/formats/quoted.h"
#include "client/formats/record_from_proto.h"
#include "client/formats/run_file_format.h"
#include "core/digest/digest.h"
#include "core/limits.h"
#include "core/reduce/geometry.h"
#include "core/reduce/statistics/registry.h"
#include "core/status_macros.h"
#include "google/protobuf/util/json_util.h"

namespace calipers::client {
namespace {

using nlohmann::json;
namespace names = run_file;

constexpr std::int64_t kMaxRank = 16;
// More than the nesting depth of a session. Limits the recursion of code that prints and parses it.
constexpr int kMaxDepth = 16;

absl::Status CheckEach(const Int64Column& numbers, const char* name, std::int64_t least,
                       std::int64_t greatest) {
  for (std::int64_t i = 0; i < numbers.size(); ++i) {
    const std::int64_t number = numbers[i];
    if (number >= least && number <= greatest) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(name, " ", i, " is ", number, "; allowed are ", least, " to ", greatest));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunFileSession> RunFileSessionParser::Parse(const std::string& metadata) && {
  const json parsed = ParseBoundedJson(metadata, kMaxDepth);
  absl::Status status = ParseMetadata(parsed);
  if (status.ok()) status = ParseColumns();
  if (status.ok()) status = CheckNumbers();
  if (status.ok()) status = CheckDigests();
  if (status.ok()) status = CheckChecksum(parsed);
  if (status.ok()) {
    session_.has_elements_ = AnyHasElements();
    return std::move(session_);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("session ", session_.id_, ": ", Printable(status.message())));
}

absl::Status RunFileSessionParser::ParseMetadata(const json& parsed) {
  if (!parsed.is_object() || !parsed.contains(names::kSession) ||
      !parsed.contains(names::kWorkers) || !parsed[names::kWorkers].is_array()) {
    return absl::InvalidArgumentError("its metadata is no object with session and workers");
  }
  const auto status = google::protobuf::util::JsonStringToMessage(parsed[names::kSession].dump(),
                                                                  &session_.session_);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "its metadata's session is no calipers.v1.Session: ", std::string(status.message())));
  }
  // These members belong to the server that exported the session.
  session_.session_.clear_name();
  session_.session_.clear_progress();
  session_.session_.clear_problem();
  return ParseWorkers(parsed[names::kWorkers]);
}

absl::Status RunFileSessionParser::CheckChecksum(const json& metadata) const {
  const auto written = metadata.find(names::kChecksum);
  if (written == metadata.end() && !has_checksum_) return absl::OkStatus();
  std::vector<std::string> tensors = {
      names::kIndex,     names::kNumObservations, names::kWorker,  names::kRank, names::kShape,
      names::kDigest,    names::kHasValues,       names::kMin,     names::kMax,  names::kGlobalMin,
      names::kGlobalMax, names::kRangeMin,        names::kRangeMax};
  for (const std::string& name : session_.session_.statistics()) {
    tensors.push_back(absl::StrCat(names::kStatistics, "/", name));
    tensors.push_back(absl::StrCat(tensors.back(), "/", names::kEnd));
  }
  std::map<std::string, Checksum> checksums;
  for (const std::string& name : tensors) {
    const auto found = tensors_->find(absl::StrCat(session_.id_, "/", name));
    if (found != tensors_->end()) checksums.emplace(name, ChecksumOf(found->second.data));
  }
  if (written != metadata.end() && *written == SessionChecksum(checksums, metadata))
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      "it does not match its checksum: the file is damaged (export the run again)");
}

absl::Status RunFileSessionParser::ParseWorkers(const json& workers) {
  for (const json& worker : workers) {
    if (!worker.is_string() || worker.get_ref<const std::string&>().size() > kMaxWorkerBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("a worker's name is not a text of at most ", kMaxWorkerBytes, " bytes"));
    }
    session_.workers_.push_back(worker.get<std::string>());
  }
  return absl::OkStatus();
}

absl::StatusOr<TensorView> RunFileSessionParser::Find(absl::string_view name,
                                                      absl::string_view dtype) const {
  const auto found = tensors_->find(absl::StrCat(session_.id_, "/", name));
  if (found == tensors_->end()) {
    return absl::InvalidArgumentError(absl::StrCat("the file has no tensor ", name, " of it"));
  }
  if (found->second.dtype != dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor ", name, " is of another dtype than ", dtype));
  }
  return found->second;
}

absl::StatusOr<absl::Span<const std::byte>> RunFileSessionParser::Find(
    absl::string_view name, Dtype dtype, const std::vector<std::int64_t>& shape) const {
  ASSIGN_OR_RETURN(const TensorView tensor, Find(name, DtypeName(dtype)));
  if (tensor.shape != shape) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor ", name, " is of shape ", ShapeText(tensor.shape), ", not of ", ShapeText(shape)));
  }
  return tensor.data;
}

absl::StatusOr<Int64Column> RunFileSessionParser::FindNumbers(absl::string_view name,
                                                              std::int64_t size) const {
  ASSIGN_OR_RETURN(const auto bytes, Find(name, Dtype::kI64, {size}));
  return Int64Column(bytes);
}

absl::Status RunFileSessionParser::ParseColumns() {
  RunFileSession& session = session_;
  ASSIGN_OR_RETURN(const TensorView index, Find(names::kIndex, DtypeName(Dtype::kI64)));
  ASSIGN_OR_RETURN(const TensorView shape, Find(names::kShape, DtypeName(Dtype::kI64)));
  session.index_ = Int64Column(index.data);
  session.shape_ = Int64Column(shape.data);
  const std::int64_t size = session.index_.size();
  ASSIGN_OR_RETURN(session.num_observations_, FindNumbers(names::kNumObservations, size));
  ASSIGN_OR_RETURN(session.worker_, FindNumbers(names::kWorker, size));
  ASSIGN_OR_RETURN(session.rank_, FindNumbers(names::kRank, size));
  ASSIGN_OR_RETURN(session.digest_, Find(names::kDigest, Dtype::kU8, {size, names::kDigestBytes}));
  ASSIGN_OR_RETURN(session.has_values_, Find(names::kHasValues, Dtype::kU8, {size}));
  if (size == 0) return absl::OkStatus();
  session.dtype_ = session.session_.observed_dtype();
  ASSIGN_OR_RETURN(const Dtype dtype, ParseDtype(session.dtype_));
  const auto with_values = std::count_if(session.has_values_.begin(), session.has_values_.end(),
                                         [](std::byte has) { return has != std::byte{0}; });
  return with_values == 0 ? absl::OkStatus() : ParseValues(dtype, with_values);
}

absl::Status RunFileSessionParser::ParseValues(Dtype dtype, std::int64_t count) {
  const auto& parameters = session_.session_.qparam_shape();
  std::vector<std::int64_t> rows = {count};
  rows.insert(rows.end(), parameters.begin(), parameters.end());
  ASSIGN_OR_RETURN(const TensorView min, Find(names::kMin, DtypeName(dtype)));
  if (min.shape != rows || min.data.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor min is of shape ", ShapeText(min.shape), "; has_values counts ", count,
        " rows, and qparam_shape is ", ShapeText(absl::MakeConstSpan(rows).subspan(1))));
  }
  session_.values_[0] = min.data;
  ASSIGN_OR_RETURN(session_.values_[1], Find(names::kMax, dtype, min.shape));
  ASSIGN_OR_RETURN(session_.values_[2], Find(names::kGlobalMin, dtype, {count}));
  ASSIGN_OR_RETURN(session_.values_[3], Find(names::kGlobalMax, dtype, {count}));
  for (std::size_t i = 0; i < session_.values_.size(); ++i) {
    session_.value_bytes_[i] = session_.values_[i].size() / static_cast<std::size_t>(count);
  }
  return ParseStatistics(count);
}

absl::Status RunFileSessionParser::ParseStatistics(std::int64_t count) {
  for (const std::string& name : session_.session_.statistics()) {
    if (!session_.statistics_.empty() && name <= session_.statistics_.back().name) {
      return absl::InvalidArgumentError(
          absl::StrCat("the statistic ", name, " is given twice, or is not in the order of names"));
    }
    const std::string tensor = absl::StrCat(names::kStatistics, "/", name);
    ASSIGN_OR_RETURN(const TensorView values, Find(tensor, DtypeName(Dtype::kU8)));
    ASSIGN_OR_RETURN(const Int64Column ends,
                     FindNumbers(absl::StrCat(tensor, "/", names::kEnd), count));
    std::int64_t end = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      if (ends[i] < end) {
        return absl::InvalidArgumentError(
            absl::StrCat(tensor, "/", names::kEnd, " ", i, " is below the one before it"));
      }
      end = ends[i];
    }
    if (static_cast<std::size_t>(end) != values.data.size()) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor, " has ", values.data.size(),
                                                     " bytes; its last value ends at ", end));
    }
    session_.statistics_.push_back({name, values.data, ends});
  }
  return absl::OkStatus();
}

absl::Status RunFileSessionParser::CheckNumbers() const {
  RETURN_IF_ERROR(CheckEach(session_.index_, names::kIndex, 0, kMaxBatchIndex));
  for (std::int64_t i = 1; i < session_.size(); ++i) {
    if (session_.index_[i - 1] < session_.index_[i]) continue;
    return absl::InvalidArgumentError(absl::StrCat("index ", i, " is not above the one before it"));
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  RETURN_IF_ERROR(CheckEach(session_.num_observations_, names::kNumObservations, 0, kMost));
  RETURN_IF_ERROR(CheckEach(session_.worker_, names::kWorker, 0,
                            static_cast<std::int64_t>(session_.workers_.size()) - 1));
  RETURN_IF_ERROR(CheckEach(session_.rank_, names::kRank, 0, kMaxRank));
  RETURN_IF_ERROR(CheckEach(session_.shape_, names::kShape, 0, kMost));
  std::int64_t dimensions = 0;
  for (std::int64_t i = 0; i < session_.size(); ++i) dimensions += session_.rank_[i];
  if (dimensions == session_.shape_.size()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "rank comes to ", dimensions, " dimensions; shape has ", session_.shape_.size()));
}

absl::Status RunFileSessionParser::CheckDigests() const {
  // A digest covers statistics, and this version may not know all of them.
  for (const std::string& name : session_.session_.statistics()) {
    if (!FindStatistic(name).ok()) return absl::OkStatus();
  }
  for (RunFileCursor cursor(&session_); !cursor.done();) {
    const v1::SeriesRecord given = cursor.Next();
    if (IsDropped(given)) continue;
    const absl::StatusOr<Record> record = ToRecord(given);
    Digest digest;
    std::memcpy(digest.data(), given.digest().data(), digest.size());
    if (record.ok() && IsDigestOf(digest, *record)) continue;
    return absl::InvalidArgumentError(absl::StrCat("record ", given.observation().header().index(),
                                                   " does not match its digest: the file is "
                                                   "damaged (export the run again)"));
  }
  return absl::OkStatus();
}

bool RunFileSessionParser::AnyHasElements() const {
  std::int64_t at = 0;
  for (std::int64_t i = 0; i < session_.size(); ++i) {
    bool has_elements = true;
    for (const std::int64_t end = at + session_.rank_[i]; at < end; ++at) {
      has_elements = has_elements && session_.shape_[at] > 0;
    }
    if (has_elements) return true;
  }
  return false;
}

}  // namespace calipers::client
