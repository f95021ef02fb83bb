#ifndef CALIPERS_TESTS_SUPPORT_RUN_FILES_H_
#define CALIPERS_TESTS_SUPPORT_RUN_FILES_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "calipers/v1/observation.pb.h"
#include "calipers/v1/session.pb.h"
#include "client/formats/record_from_proto.h"
#include "client/formats/run_file.h"
#include "client/formats/run_file_writer.h"
#include "core/digest/digest.h"
#include "core/fold/observer.h"
#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"

// Makes run files, and reads their parts.
namespace calipers::testing {

inline std::string ToText(const Elements& elements) {
  return {reinterpret_cast<const char*>(elements.bytes.data()), elements.bytes.size()};
}

/// Sets the digest of the record's content; zeros if that is no record.
inline void SetDigest(v1::SeriesRecord& record) {
  const absl::StatusOr<Record> made = client::ToRecord(record);
  const Digest digest = made.ok() ? DigestOf(*made) : Digest();
  record.set_digest(digest.data(), digest.size());
}

/// The values that a test sets in a record. Without ranges, the observation is empty.
struct RecordParts {
  std::int64_t index = 0;
  std::vector<double> min = {};
  std::vector<double> max = {};
  Dtype dtype = Dtype::kF32;
  std::vector<std::int64_t> shape = {2, 8};
  std::int64_t num_observations = 2;
  std::string worker = "w0";
};

/// The record as a server returns it, but without the session's name.
inline v1::SeriesRecord ToSeriesRecord(const RecordParts& parts) {
  v1::SeriesRecord record;
  v1::ReducedObservation& observation = *record.mutable_observation();
  v1::ObservationHeader& header = *observation.mutable_header();
  header.set_index(parts.index);
  header.set_dtype(std::string(DtypeName(parts.dtype)));
  header.mutable_shape()->Assign(parts.shape.begin(), parts.shape.end());
  header.set_num_observations(parts.num_observations);
  if (parts.min.empty()) {
    header.set_shape(0, 0);
  } else {
    observation.set_min(ToText(Packed(parts.dtype, parts.min)));
    observation.set_max(ToText(Packed(parts.dtype, parts.max)));
    const double least = *std::min_element(parts.min.begin(), parts.min.end());
    const double greatest = *std::max_element(parts.max.begin(), parts.max.end());
    observation.set_global_min(ToText(Packed(parts.dtype, {least})));
    observation.set_global_max(ToText(Packed(parts.dtype, {greatest})));
  }
  record.set_worker(parts.worker);
  SetDigest(record);
  return record;
}

/// The record without its values, as FOLDED retention leaves it.
inline v1::SeriesRecord Dropped(v1::SeriesRecord record) {
  v1::ReducedObservation& observation = *record.mutable_observation();
  observation.clear_min();
  observation.clear_max();
  observation.clear_global_min();
  observation.clear_global_max();
  return record;
}

/// The content of a session in a run file.
struct SessionParts {
  std::string id;
  v1::Session session = {};
  std::vector<v1::SeriesRecord> records = {};
  std::vector<std::int64_t> qparam_shape = {1};
  std::optional<FoldedRange> answer = std::nullopt;
};

inline void WriteRunFile(const std::string& path, const std::vector<SessionParts>& sessions,
                         const std::string& run = "r") {
  const auto writer = client::RunFileWriter::Create(path, run);
  ASSERT_OK(writer);
  for (const SessionParts& session : sessions) {
    ASSERT_OK((*writer)->BeginSession(session.id, session.session));
    for (const v1::SeriesRecord& record : session.records) ASSERT_OK((*writer)->Add(record));
    ASSERT_OK((*writer)->EndSession(session.qparam_shape, session.answer));
  }
  ASSERT_OK((*writer)->Finish());
}

/// A session's records, read with the cursor.
inline std::vector<v1::SeriesRecord> RecordsOf(const client::RunFileSession& session) {
  std::vector<v1::SeriesRecord> records;
  for (client::RunFileCursor cursor(&session); !cursor.done();) {
    const std::int64_t index = cursor.index();
    records.push_back(cursor.Next());
    EXPECT_EQ(records.back().observation().header().index(), index);
  }
  return records;
}

/// The parts of a safetensors file, which a test changes and joins again.
class SafetensorsParts {
 public:
  explicit SafetensorsParts(const std::string& file) {
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), sizeof(length));
    header_ = nlohmann::json::parse(file.substr(sizeof(length), length));
    body_ = file.substr(sizeof(length) + length);
  }

  /// The joined file. Its tensors lie one after the other, in the order in which they lay before,
  /// so that only the edit is wrong about it.
  std::string Bytes() const {
    nlohmann::json header = header_;
    std::map<std::pair<std::size_t, std::string>, std::string> in_order;
    for (const auto& [name, tensor] : header.items()) {
      if (name == "__metadata__") continue;
      in_order[{tensor.at("data_offsets")[0].get<std::size_t>(), name}] = Tensor(name);
    }
    std::string body;
    for (const auto& [place, elements] : in_order) {
      header[place.second]["data_offsets"] = {body.size(), body.size() + elements.size()};
      body += elements;
    }
    const std::string text = header.dump();
    const std::uint64_t length = text.size();
    std::string file(sizeof(length), '\0');
    std::memcpy(file.data(), &length, sizeof(length));
    return file + text + body;
  }

  nlohmann::json& header() { return header_; }
  const std::string& body() const { return body_; }
  nlohmann::json& metadata() { return header_["__metadata__"]; }
  /// The metadata of a session.
  nlohmann::json Session(const std::string& id) {
    return nlohmann::json::parse(metadata()[id].get<std::string>());
  }
  void EditSession(const std::string& id, const std::function<void(nlohmann::json&)>& edit) {
    nlohmann::json session = Session(id);
    edit(session);
    metadata()[id] = session.dump();
  }

  /// Removes the checksums of all sessions, as earlier versions wrote the file. So a change of it
  /// is found for itself.
  void DropChecksums() {
    metadata().erase("checksum");
    for (const auto& [name, text] : metadata().items()) {
      if (name.find('/') == std::string::npos) continue;
      EditSession(name, [](nlohmann::json& session) { session.erase("checksum"); });
    }
  }

  /// The elements of a tensor.
  std::string Tensor(const std::string& name) const {
    const auto& offsets = header_.at(name).at("data_offsets");
    const std::size_t begin = offsets[0].get<std::size_t>();
    return body_.substr(begin, offsets[1].get<std::size_t>() - begin);
  }
  /// Replaces the tensor of this name.
  void SetTensor(const std::string& name, const std::string& dtype,
                 const std::vector<std::int64_t>& shape, const std::string& elements) {
    const std::size_t begin = body_.size();
    body_ += elements;
    header_[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, body_.size()}}};
  }
  void SetNumbers(const std::string& name, const std::vector<std::int64_t>& numbers) {
    SetTensor(name, "I64", {static_cast<std::int64_t>(numbers.size())},
              {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(numbers[0])});
  }

 private:
  nlohmann::json header_;
  std::string body_;
};

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_RUN_FILES_H_
