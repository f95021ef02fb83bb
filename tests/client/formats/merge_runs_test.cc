#include "client/formats/merge_runs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "google/protobuf/util/message_differencer.h"
#include "tests/support/run_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::Dropped;
using calipers::testing::RecordParts;
using calipers::testing::RecordsOf;
using calipers::testing::SafetensorsParts;
using calipers::testing::SessionParts;
using calipers::testing::ToSeriesRecord;
using google::protobuf::util::MessageDifferencer;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using Sessions = std::vector<SessionParts>;

// The result of a merge.
struct Merged {
  MergeCounts counts;
  std::vector<std::string> refused;
  // By session id and index.
  std::map<std::string, std::map<std::int64_t, v1::SeriesRecord>> records = {};
  std::map<std::string, v1::Session> sessions = {};
  std::string bytes = {};
};

// A record of one parameter whose range is -`value` to `value`.
v1::SeriesRecord Of(std::int64_t index, double value, const std::string& worker = "w") {
  return ToSeriesRecord({.index = index, .min = {-value}, .max = {value}, .worker = worker});
}

class MergeRunsTest : public ::testing::Test {
 protected:
  MergeRunsTest() { std::filesystem::create_directories(directory_.path()); }

  Merged Merge(const std::vector<Sessions>& files) {
    std::vector<RunFile> opened;
    for (std::size_t i = 0; i < files.size(); ++i) {
      const std::string path = absl::StrCat(directory_.path(), "/", i, ".safetensors");
      testing::WriteRunFile(path, files[i]);
      opened.push_back(*RunFile::Open(path));
    }
    Merged merged;
    std::int64_t last_progress = 0;
    const MergeEvents events = {
        .refused = [&](std::string text) { merged.refused.push_back(std::move(text)); },
        .progress =
            [&](std::int64_t records) {
              EXPECT_GE(records, last_progress);
              last_progress = records;
            }};
    const auto writer = RunFileWriter::Create(out_, "merged");
    EXPECT_OK(writer);
    const auto counts = MergeRuns(opened, events, **writer);
    EXPECT_OK(counts);
    if (!counts.ok()) return merged;
    merged.counts = *counts;
    EXPECT_OK((*writer)->Finish());
    Read(merged);
    return merged;
  }

  void Read(Merged& merged) {
    merged.bytes = testing::ReadFile(out_);
    const auto file = RunFile::Open(out_);
    ASSERT_OK(file);
    for (const RunFileSession& session : file->sessions()) {
      merged.sessions[session.id()] = session.session();
      auto& records = merged.records[session.id()];
      for (const v1::SeriesRecord& record : RecordsOf(session)) {
        records.emplace(record.observation().header().index(), record);
      }
    }
  }

  static void ExpectCounts(const Merged& merged, const MergeCounts& expected) {
    EXPECT_EQ(merged.counts.sessions, expected.sessions);
    EXPECT_EQ(merged.counts.records, expected.records);
    EXPECT_EQ(merged.counts.duplicates, expected.duplicates);
    EXPECT_EQ(merged.counts.conflicts, expected.conflicts);
    EXPECT_EQ(merged.counts.rejected, expected.rejected);
  }

  testing::TempDirectory directory_;
  const std::string out_ = directory_.path() + "/merged.safetensors";
};

testing::SessionParts Session(std::vector<v1::SeriesRecord> records, const v1::Session& spec = {},
                              const std::string& id = "m/input") {
  return {id, spec, std::move(records), {1}};
}

MATCHER_P(IsRecord, expected, "") { return MessageDifferencer::Equals(arg, expected); }

TEST_F(MergeRunsTest, TheUnionOfSessionsAndRecords) {
  const Merged merged = Merge({{Session({Of(0, 1), Of(4, 5)}), Session({Of(9, 9)}, {}, "z/k")},
                               {Session({Of(0, 3)}, {}, "a/q"), Session({Of(1, 2), Of(3, 4)})},
                               {Session({Of(2, 3), Of(7, 8)})}});
  ExpectCounts(merged, {.sessions = 3, .records = 8});
  EXPECT_THAT(merged.refused, IsEmpty());
  ASSERT_EQ(merged.records.size(), 3U);
  for (const std::int64_t index : {0, 1, 2, 3, 4, 7}) {
    EXPECT_THAT(merged.records.at("m/input").at(index),
                IsRecord(Of(index, static_cast<double>(index) + 1)));
  }
  EXPECT_EQ(merged.records.at("m/input").size(), 6U);
  EXPECT_THAT(merged.records.at("z/k").at(9), IsRecord(Of(9, 9)));
  EXPECT_THAT(merged.records.at("a/q").at(0), IsRecord(Of(0, 3)));
}

// The merged file is equal, byte for byte, to a file that was never split.
TEST_F(MergeRunsTest, PartsInAnyOrderMakeTheWhole) {
  std::vector<v1::SeriesRecord> all;
  for (int i = 0; i < 30; ++i) all.push_back(Of(i, 1 + i * 7 % 11, absl::StrCat("w", i % 3)));
  v1::Session spec;
  spec.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.2);
  const Merged whole = Merge({{Session(all, spec)}});
  std::vector<std::vector<v1::SeriesRecord>> dealt(3);
  for (std::size_t i = 0; i < all.size(); ++i) dealt[i * i % 7 % 3].push_back(all[i]);
  std::vector<int> order = {0, 1, 2};
  do {
    std::vector<Sessions> files;
    for (const int part : order) {
      files.push_back({Session(dealt[static_cast<std::size_t>(part)], spec)});
    }
    const Merged merged = Merge(files);
    ExpectCounts(merged, {.sessions = 1, .records = 30});
    EXPECT_TRUE(merged.bytes == whole.bytes);
  } while (std::next_permutation(order.begin(), order.end()));
  double past = 1;
  for (int i = 1; i < 30; ++i) past = past * (1 - 0.2) + (1 + i * 7 % 11) * 0.2;
  EXPECT_EQ(SafetensorsParts(whole.bytes).Tensor("m/input/range_max"),
            testing::ToText(testing::Packed(Dtype::kF64, {past})));
}

TEST_F(MergeRunsTest, TheSameRecordIsADuplicateWhoeverBroughtIt) {
  const Merged merged = Merge({{Session({Of(0, 1, "a"), Of(1, 2, "a")})},
                               {Session({Of(0, 1, "b"), Of(1, 2, "b"), Of(2, 3, "b")})},
                               {Session({Of(1, 2, "c")})}});
  ExpectCounts(merged, {.sessions = 1, .records = 3, .duplicates = 3});
  EXPECT_THAT(merged.refused, IsEmpty());
  EXPECT_THAT(merged.records.at("m/input").at(1), IsRecord(Of(1, 2, "a")));
}

TEST_F(MergeRunsTest, ConflictKeepsTheRecordOfTheFirstFile) {
  const Sessions one = {Session({Of(0, 1), Of(1, 2)})};
  const Sessions two = {Session({Of(0, 1), Of(1, 5), Of(2, 3)})};
  const Sessions three = {Session({Of(1, 5)})};
  const Merged merged = Merge({one, two, three});
  ExpectCounts(merged, {.sessions = 1, .records = 3, .duplicates = 1, .conflicts = 2});
  EXPECT_THAT(merged.records.at("m/input").at(1), IsRecord(Of(1, 2)));
  EXPECT_THAT(merged.refused, ElementsAre(AllOf(HasSubstr("m/input index 1"), HasSubstr("first")),
                                          HasSubstr("m/input index 1")));
  EXPECT_THAT(Merge({three, two, one}).records.at("m/input").at(1), IsRecord(Of(1, 5)));
}

TEST_F(MergeRunsTest, ValuesAndCountsMakeAConflictButNotShapeOrWorker) {
  const RecordParts same{.index = 0, .min = {-1}, .max = {1}};
  const auto conflicts = [&](const RecordParts& other) {
    return Merge({{Session({ToSeriesRecord(same)})}, {Session({ToSeriesRecord(other)})}})
        .counts.conflicts;
  };
  RecordParts other = same;
  EXPECT_EQ(conflicts(other), 0);
  other.shape = {16};
  other.worker = "another";
  EXPECT_EQ(conflicts(other), 0);
  other = same;
  other.num_observations = 3;
  EXPECT_EQ(conflicts(other), 1);
  other = same;
  other.min = {-2};
  EXPECT_EQ(conflicts(other), 1);
  other = same;
  other.max = {2};
  EXPECT_EQ(conflicts(other), 1);
  other = same;
  other.min = {};
  EXPECT_EQ(conflicts(other), 1);
  v1::SeriesRecord padded = ToSeriesRecord(same);
  padded.mutable_observation()->set_global_min(
      testing::ToText(testing::Packed(Dtype::kF32, {-0.5})));
  testing::SetDigest(padded);
  EXPECT_EQ(Merge({{Session({ToSeriesRecord(same)})}, {Session({padded})}}).counts.conflicts, 1);
}

// A statistic can be outside the digest; then it does not make a conflict.
TEST_F(MergeRunsTest, RecordsOfOtherStatisticsAreInConflictIfTheirDigestsDiffer) {
  v1::Session spec;
  spec.add_statistics("s");
  const auto with = [](std::int64_t index, const std::string& value, char digest) {
    v1::SeriesRecord record = Of(index, 1);
    v1::Statistic& statistic = *record.mutable_observation()->add_statistics();
    statistic.set_name("s");
    statistic.set_value(value);
    record.set_digest(std::string(16, digest));
    return record;
  };
  const Merged merged = Merge({{Session({with(0, "a", 'x'), with(1, "a", 'x')}, spec)},
                               {Session({with(0, "b", 'y'), with(1, "b", 'x')}, spec)}});
  ExpectCounts(merged, {.sessions = 1, .records = 2, .duplicates = 1, .conflicts = 1});
  for (const std::int64_t index : {0, 1}) {
    EXPECT_THAT(merged.records.at("m/input").at(index), IsRecord(with(index, "a", 'x')));
  }
}

TEST_F(MergeRunsTest, SessionOfAnotherSpecIsLeftOutWhole) {
  const auto expect_left_out = [&](const v1::Session& other, const std::string& said) {
    const Merged merged =
        Merge({{Session({Of(0, 1)})},
               {Session({Of(1, 2), Of(2, 3)}, other), Session({Of(0, 1)}, {}, "other/k")}});
    ExpectCounts(merged, {.sessions = 2, .records = 2, .rejected = 2});
    EXPECT_THAT(merged.refused,
                ElementsAre(AllOf(HasSubstr("m/input"), HasSubstr(said), HasSubstr("2 records"))));
    EXPECT_EQ(merged.records.at("m/input").size(), 1U);
  };
  v1::Session other;
  other.mutable_args()->set_observer("static_minmax");
  expect_left_out(other, "another spec");
  other = {};
  other.set_arithmetic(v1::ARITHMETIC_REFERENCE);
  expect_left_out(other, "another spec");
  other = {};
  other.mutable_args()->mutable_observer_kwargs()->set_averaging_constant(0.5);
  expect_left_out(other, "another spec");
  other = {};
  other.set_dtype("F32");
  expect_left_out(other, "another spec");
}

TEST_F(MergeRunsTest, WhenASessionWasCreatedMakesNoDifference) {
  v1::Session later;
  later.mutable_create_time()->set_seconds(5);
  const Merged merged = Merge({{Session({Of(0, 1)})}, {Session({Of(1, 2)}, later)}});
  ExpectCounts(merged, {.sessions = 1, .records = 2});
  EXPECT_FALSE(merged.sessions.at("m/input").has_create_time());
}

TEST_F(MergeRunsTest, EmptyRecordsGoWithEveryDtype) {
  const auto empty = [](std::int64_t index, Dtype dtype) {
    return ToSeriesRecord({.index = index, .dtype = dtype, .shape = {0, 8}, .num_observations = 0});
  };
  const Sessions of_empty = {Session({empty(0, Dtype::kBF16), empty(2, Dtype::kF16)})};
  const Sessions other = {Session({empty(0, Dtype::kF64), Of(1, 2), empty(3, Dtype::kI8)})};
  for (const auto& files : {std::vector<Sessions>{of_empty, other}, {other, of_empty}}) {
    const Merged merged = Merge(files);
    ExpectCounts(merged, {.sessions = 1, .records = 4, .duplicates = 1});
    EXPECT_THAT(merged.refused, IsEmpty());
    EXPECT_EQ(merged.sessions.at("m/input").observed_dtype(), "F32");
    EXPECT_EQ(merged.records.at("m/input").at(1).observation().min(), Of(1, 2).observation().min());
  }
}

TEST_F(MergeRunsTest, RecordsOfAnotherDtypeOrShapeAreLeftOut) {
  const Sessions plain = {Session({Of(0, 1)})};
  const auto expect_left_out = [&](const RecordParts& record,
                                   const std::vector<std::int64_t>& shape,
                                   const std::string& said) {
    const Merged merged = Merge({plain, {{"m/input", {}, {ToSeriesRecord(record)}, shape}}});
    ExpectCounts(merged, {.sessions = 1, .records = 1, .rejected = 1});
    EXPECT_THAT(merged.refused, ElementsAre(HasSubstr(said)));
  };
  expect_left_out({1, {-1}, {1}, Dtype::kBF16}, {1}, "another dtype");
  expect_left_out({1, {-1, -2}, {1, 2}}, {2}, "another qparam shape");
  expect_left_out({1, {-1}, {1}}, {1, 1}, "another qparam shape");
  // The shape of a single parameter without dimensions also counts as another shape.
  expect_left_out({1, {-1}, {1}}, {}, "another qparam shape");
}

// A file whose session has no values yet does not fix the qparam shape.
TEST_F(MergeRunsTest, LaterFileFixesTheQParamShape) {
  const v1::SeriesRecord empty = ToSeriesRecord({.index = 0});
  const Sessions none = {{"m/input", {}, {}, {}}};
  const Sessions empty_alone = {{"m/input", {}, {empty}, {}}};
  const Sessions pair = {{"m/input", {}, {ToSeriesRecord({1, {-1, -2}, {1, 2}})}, {2}}};
  const Sessions single = {Session({Of(2, 1)})};
  const Merged merged = Merge({none, empty_alone, pair, single});
  ExpectCounts(merged, {.sessions = 1, .records = 2, .rejected = 1});
  EXPECT_THAT(merged.refused, ElementsAre(HasSubstr("another qparam shape")));
  EXPECT_EQ(merged.sessions.at("m/input").qparam_shape(0), 2);
  EXPECT_EQ(merged.sessions.at("m/input").observed_dtype(), "F32");
}

TEST_F(MergeRunsTest, SealOfAnyFileHolds) {
  v1::Session sealed;
  sealed.set_sealed_count(2);
  const Sessions closed = {Session({Of(0, 1), Of(1, 2)}, sealed)};
  const Sessions open = {Session({Of(1, 2), Of(2, 3), Of(7, 8)})};
  for (const std::vector<Sessions>& files : {std::vector<Sessions>{closed, open}, {open, closed}}) {
    const Merged merged = Merge(files);
    ExpectCounts(merged, {.sessions = 1, .records = 2, .duplicates = 1, .rejected = 2});
    EXPECT_THAT(merged.refused,
                ElementsAre(AllOf(HasSubstr("m/input index 2"), HasSubstr("sealed at 2")),
                            HasSubstr("m/input index 7")));
    EXPECT_EQ(merged.sessions.at("m/input").sealed_count(), 2);
    EXPECT_EQ(merged.records.at("m/input").size(), 2U);
  }
}

TEST_F(MergeRunsTest, SealAtAnotherCountIsLeftOut) {
  v1::Session two;
  two.set_sealed_count(2);
  v1::Session three;
  three.set_sealed_count(3);
  const Merged merged = Merge(
      {{Session({Of(0, 1), Of(1, 2)}, two)}, {Session({Of(0, 1), Of(1, 2), Of(2, 3)}, three)}});
  ExpectCounts(merged, {.sessions = 1, .records = 2, .rejected = 3});
  EXPECT_THAT(merged.refused, ElementsAre(HasSubstr("a seal at another count")));
}

TEST_F(MergeRunsTest, DroppedRecordTakesItsValuesFromAnotherFile) {
  const v1::SeriesRecord whole = Of(0, 1);
  const v1::SeriesRecord dropped = Dropped(whole);
  v1::Session folded;
  folded.set_retention(v1::RETENTION_FOLDED);
  const auto merge = [&](const v1::SeriesRecord& first, const v1::SeriesRecord& second) {
    return Merge({{Session({first}, folded)}, {Session({second}, folded)}});
  };
  for (const auto& [first, second] :
       {std::pair{whole, dropped}, {dropped, whole}, {whole, whole}}) {
    const Merged merged = merge(first, second);
    ExpectCounts(merged, {.sessions = 1, .records = 1, .duplicates = 1});
    EXPECT_THAT(merged.records.at("m/input").at(0), IsRecord(whole));
    EXPECT_TRUE(SafetensorsParts(merged.bytes).Session("m/input").contains("answer"));
  }
  const Merged both = merge(dropped, dropped);
  ExpectCounts(both, {.sessions = 1, .records = 1, .duplicates = 1});
  EXPECT_THAT(both.records.at("m/input").at(0), IsRecord(dropped));
  EXPECT_TRUE(SafetensorsParts(both.bytes).Session("m/input").contains("no_answer"));
}

// A record that the first file dropped conflicts with a different record, but gets its values from
// an equal record.
TEST_F(MergeRunsTest, DroppedRecordIsComparedByItsDigest) {
  v1::Session folded;
  folded.set_retention(v1::RETENTION_FOLDED);
  const v1::SeriesRecord dropped = Dropped(Of(0, 1));
  const Merged merged = Merge(
      {{Session({dropped}, folded)}, {Session({Of(0, 2)}, folded)}, {Session({Of(0, 1)}, folded)}});
  ExpectCounts(merged, {.sessions = 1, .records = 1, .duplicates = 1, .conflicts = 1});
  EXPECT_THAT(merged.records.at("m/input").at(0), IsRecord(Of(0, 1)));
}

TEST_F(MergeRunsTest, FilesWithoutRecordsMergeIntoAnEmptyFile) {
  ExpectCounts(Merge({{}, {}}), {});
  const Merged merged = Merge({{{"m/input", {}, {}, {}}}, {{"m/input", {}, {}, {}}}});
  ExpectCounts(merged, {.sessions = 1});
  EXPECT_THAT(merged.records.at("m/input"), IsEmpty());
}

}  // namespace
}  // namespace calipers::client
