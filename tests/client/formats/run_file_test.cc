#include "client/formats/run_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"
#include "tests/support/run_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::AsBytes;
using calipers::testing::Dropped;
using calipers::testing::ReadFile;
using calipers::testing::RecordParts;
using calipers::testing::RecordsOf;
using calipers::testing::SafetensorsParts;
using calipers::testing::SessionParts;
using calipers::testing::StatusIs;
using calipers::testing::ToSeriesRecord;
using calipers::testing::WriteFile;
using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Two sessions with every kind of record.
std::vector<SessionParts> EverySort() {
  v1::Session group;
  group.mutable_args()->set_strategy(v1::STRATEGY_GROUP);
  group.mutable_args()->set_group_size(4);
  group.mutable_args()->set_observer("static_minmax");
  group.set_arithmetic(v1::ARITHMETIC_REFERENCE);
  group.mutable_create_time()->set_seconds(1'700'000'000);
  group.set_sealed_count(3);
  v1::Session plain;
  plain.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.1);
  plain.set_retention(v1::RETENTION_FOLDED);
  return {
      {"a.b/input",
       group,
       {ToSeriesRecord({0, {-1, -2}, {1, 2}, Dtype::kBF16, {2, 3, 8}, 6, "w0"}),
        ToSeriesRecord({.index = 1, .dtype = Dtype::kBF16, .shape = {4, 8}, .worker = "w1"}),
        ToSeriesRecord({2, {-3, -1}, {0, 5}, Dtype::kBF16, {8}, 1, "w0"})},
       {2}},
      {"a.b/output",
       plain,
       {Dropped(ToSeriesRecord({4, {-1}, {1}, Dtype::kF32, {2, 8}, 2, "w1"})),
        ToSeriesRecord({.index = 6, .shape = {3, 0}, .num_observations = 0}),
        ToSeriesRecord({(std::int64_t{1} << 48) - 1, {-4}, {4}, Dtype::kF32, {}, 1, "\xC3\xBC"})},
       {1}},
  };
}

// The session's spec that the file must contain.
v1::Session SpecOf(const SessionParts& parts) {
  v1::Session session = parts.session;
  if (!parts.records.empty()) {
    session.set_observed_dtype(parts.records[0].observation().header().dtype());
  }
  session.mutable_qparam_shape()->Assign(parts.qparam_shape.begin(), parts.qparam_shape.end());
  return session;
}

void ExpectSession(const RunFileSession& session, const SessionParts& expected) {
  SCOPED_TRACE(expected.id);
  EXPECT_EQ(session.id(), expected.id);
  EXPECT_TRUE(MessageDifferencer::Equals(session.session(), SpecOf(expected)))
      << session.session().ShortDebugString();
  ASSERT_EQ(session.size(), static_cast<std::int64_t>(expected.records.size()));
  const std::vector<v1::SeriesRecord> records = RecordsOf(session);
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_TRUE(MessageDifferencer::Equals(records[i], expected.records[i]))
        << records[i].ShortDebugString() << "\nfor\n"
        << expected.records[i].ShortDebugString();
  }
}

class RunFileTest : public ::testing::Test {
 protected:
  RunFileTest() { std::filesystem::create_directories(directory_.path()); }

  // Writes the sessions in this order, and reads them back.
  void ExpectRoundTrip(const std::vector<SessionParts>& sessions) {
    testing::WriteRunFile(path_, sessions, "a-run");
    const auto file = RunFile::Open(path_);
    ASSERT_OK(file);
    EXPECT_EQ(file->run(), "a-run");
    ASSERT_EQ(file->sessions().size(), sessions.size());
    for (std::size_t i = 0; i < sessions.size(); ++i) {
      ExpectSession(file->sessions()[i], sessions[i]);
    }
  }

  // The bytes of a file with the sessions of EverySort().
  std::string WholeFile() {
    testing::WriteRunFile(path_, EverySort());
    return ReadFile(path_);
  }

  testing::TempDirectory directory_;
  const std::string path_ = directory_.path() + "/run.safetensors";
};

TEST_F(RunFileTest, WhatIsReadIsWhatWasWritten) { ExpectRoundTrip(EverySort()); }

TEST_F(RunFileTest, EveryDtype) {
  std::vector<SessionParts> sessions;
  for (const Dtype dtype : kAllDtypes) {
    const double low = dtype == Dtype::kU8 ? 1 : -3;
    sessions.push_back({absl::StrCat("m.", DtypeName(dtype), "/k"),
                        {},
                        {ToSeriesRecord({0, {low, low + 1}, {4, 5}, dtype}),
                         ToSeriesRecord({1, {2, low}, {6, 7}, dtype})},
                        {2, 1}});
  }
  std::sort(sessions.begin(), sessions.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  ExpectRoundTrip(sessions);
}

// The reference's group strategy reduces a 2-D input to one parameter of shape ().
TEST_F(RunFileTest, ParametersOfNoDimension) {
  ExpectRoundTrip({{"m/input", {}, {ToSeriesRecord({0, {-1}, {1}})}, {}}});
}

TEST_F(RunFileTest, NoRecordsAtAll) {
  ExpectRoundTrip({{"m/input", {}, {}, {}}});
  ExpectRoundTrip({});
}

TEST_F(RunFileTest, EmptyObservationsAlone) {
  ExpectRoundTrip(
      {{"m/input", {}, {ToSeriesRecord({.index = 3, .dtype = Dtype::kF16, .shape = {2, 2}})}, {}}});
}

TEST_F(RunFileTest, DroppedValuesAlone) {
  SessionParts folded{"m/input", {}, {Dropped(ToSeriesRecord({0, {-1}, {1}}))}, {1}};
  folded.session.set_retention(v1::RETENTION_FOLDED);
  ExpectRoundTrip({folded});
}

TEST_F(RunFileTest, EmptyObservationIsNotADroppedOne) {
  const auto has_dropped = [this](std::vector<v1::SeriesRecord> records) {
    testing::WriteRunFile(path_, {{"m/input", {}, std::move(records), {1}}});
    return RunFile::Open(path_)->sessions()[0].HasDropped();
  };
  const v1::SeriesRecord whole = ToSeriesRecord({0, {-1}, {1}});
  const v1::SeriesRecord empty = ToSeriesRecord({.index = 1});
  const v1::SeriesRecord dropped = Dropped(ToSeriesRecord({2, {-1}, {1}}));
  EXPECT_FALSE(has_dropped({}));
  EXPECT_FALSE(has_dropped({whole}));
  EXPECT_FALSE(has_dropped({whole, empty}));
  EXPECT_TRUE(has_dropped({whole, empty, dropped}));
  EXPECT_TRUE(has_dropped({dropped}));
}

TEST_F(RunFileTest, FileThatMovedInMemoryStaysMapped) {
  testing::WriteRunFile(path_, EverySort());
  std::vector<RunFile> files;
  for (int i = 0; i < 10; ++i) files.push_back(*RunFile::Open(path_));
  WriteFile(path_ + ".other", "");
  std::filesystem::rename(path_ + ".other", path_);
  for (const RunFile& file : files) ExpectSession(file.sessions()[0], EverySort()[0]);
}

TEST_F(RunFileTest, ErrorNamesTheFile) {
  WriteFile(path_, "no run file");
  EXPECT_THAT(RunFile::Open(path_), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path_)));
  EXPECT_THAT(RunFile::Open(path_ + ".none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(path_ + ".none")));
}

TEST_F(RunFileTest, AnotherFormatOrVersionIsRefused) {
  const auto parse = [this](const std::function<void(nlohmann::json&)>& edit) {
    SafetensorsParts parts(WholeFile());
    edit(parts.metadata());
    return RunFile::Parse(AsBytes(parts.Bytes())).status();
  };
  EXPECT_OK(parse([](auto&) {}));
  EXPECT_THAT(parse([](auto& metadata) { metadata["format"] = "pt"; }),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("format"), HasSubstr("calipers observe"))));
  EXPECT_THAT(parse([](auto& metadata) { metadata.erase("format"); }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("format")));
  EXPECT_OK(parse([](auto& metadata) { metadata["version"] = "1"; }));
  for (const char* version : {"3", "0", "", "1.0"}) {
    EXPECT_THAT(parse([version](auto& metadata) { metadata["version"] = version; }),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version")))
        << version;
  }
  EXPECT_THAT(parse([](auto& metadata) { metadata.erase("version"); }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("version")));
  EXPECT_THAT(parse([](auto& metadata) { metadata["run"] = 3; }),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("run")));
}

// Session ids are printed on terminals.
TEST_F(RunFileTest, SessionIdThatCannotBePrintedIsRefusedAndNotRepeated) {
  for (const char* id : {"a\x1b[31m/input", "a b/input", "a/in\nput", "\xC3\xBC/input", "a\"/q"}) {
    SafetensorsParts parts(WholeFile());
    parts.metadata()[id] = parts.metadata()["a.b/input"];
    const std::string bytes = parts.Bytes();
    const auto refused = RunFile::Parse(AsBytes(bytes));
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("session"))) << id;
    EXPECT_THAT(std::string(refused.status().message()), ::testing::Not(HasSubstr(id)));
  }
}

TEST_F(RunFileTest, UnknownTensorsAndMembersAreIgnored) {
  SafetensorsParts parts(WholeFile());
  parts.DropChecksums();
  parts.metadata()["note"] = "by hand";
  parts.SetTensor("extra", "U8", {3}, "abc");
  parts.EditSession("a.b/input", [](nlohmann::json& session) { session["note"] = {1, 2}; });
  const std::string bytes = parts.Bytes();
  const auto file = RunFile::Parse(AsBytes(bytes));
  ASSERT_OK(file);
  ASSERT_EQ(file->sessions().size(), 2U);
  ExpectSession(file->sessions()[0], EverySort()[0]);
}

// Reads a copy of exactly the file's size, so that AddressSanitizer detects reads beyond the end.
std::size_t WalkAll(const std::string& bytes, bool& accepted) {
  const std::vector<std::byte> copy(AsBytes(bytes).begin(), AsBytes(bytes).end());
  const auto file = RunFile::Parse(copy);
  accepted = file.ok();
  std::size_t walked = 0;
  if (!file.ok()) return walked;
  for (const RunFileSession& session : file->sessions()) {
    session.HasDropped();
    for (const v1::SeriesRecord& record : RecordsOf(session)) {
      EXPECT_EQ(record.digest().size(), 16U);
      ++walked;
    }
  }
  return walked;
}

TEST_F(RunFileTest, TruncatedFileIsRefusedAtEveryLength) {
  const std::string whole = WholeFile();
  bool accepted = false;
  EXPECT_EQ(WalkAll(whole, accepted), 6U);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    WalkAll(whole.substr(0, size), accepted);
    // A cut at the end of the file leaves the last tensor shorter than its offsets say.
    EXPECT_FALSE(accepted) << size;
  }
}

TEST_F(RunFileTest, FlippedBytesNeverLeadOutOfTheFile) {
  SafetensorsParts parts(WholeFile());
  parts.DropChecksums();
  const std::string whole = parts.Bytes();
  std::uint64_t header = 0;
  std::memcpy(&header, whole.data(), sizeof(header));
  const std::size_t body = sizeof(header) + header;
  std::mt19937 random(3);
  int accepted_count = 0;
  int refused_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string file = whole;
    // Half of the rounds change only the body. The header is much longer, but the body is as
    // interesting.
    const std::size_t from = round % 2 == 0 ? 0 : body;
    for (std::size_t flips = 1 + random() % 3; flips > 0; --flips) {
      file[from + random() % (file.size() - from)] = static_cast<char>(random());
    }
    bool accepted = false;
    WalkAll(file, accepted);
    ++(accepted ? accepted_count : refused_count);
  }
  EXPECT_GT(accepted_count, 1000);
  EXPECT_GT(refused_count, 1000);
}

}  // namespace
}  // namespace calipers::client
