#include "client/formats/run_file_session_parser.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/run_files.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::RecordsOf;
using calipers::testing::SafetensorsParts;
using calipers::testing::StatusIs;
using calipers::testing::ToSeriesRecord;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kId[] = "m/input";

// A file of one session with three records, two with values of two parameters.
class RunFileSessionParserTest : public ::testing::Test {
 protected:
  RunFileSessionParserTest() {
    std::filesystem::create_directories(directory_.path());
    const std::string path = directory_.path() + "/run.safetensors";
    testing::WriteRunFile(path,
                          {{kId,
                            {},
                            {ToSeriesRecord({0, {-1, -2}, {1, 2}, Dtype::kF32, {3, 4}, 3, "w0"}),
                             ToSeriesRecord({.index = 1, .shape = {2, 4}, .worker = "w1"}),
                             ToSeriesRecord({5, {-3, -4}, {3, 4}, Dtype::kF32, {4}, 1, "w0"})},
                            {2}}});
    whole_ = testing::ReadFile(path);
  }

  // The status of parsing the file with this change. Without the checksum, as earlier versions
  // wrote it, so that the change itself is found.
  absl::Status ParseWith(const std::function<void(SafetensorsParts&)>& edit) {
    SafetensorsParts parts(whole_);
    parts.DropChecksums();
    edit(parts);
    return Parse(parts.Bytes());
  }
  static absl::Status Parse(const std::string& bytes) {
    const auto file =
        RunFile::Parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
    if (file.ok()) {
      for (const RunFileSession& session : file->sessions()) RecordsOf(session);
    }
    return file.status();
  }

  // Expects that the file is refused with the session's name and this text.
  void ExpectRefused(const std::function<void(SafetensorsParts&)>& edit, const std::string& said) {
    EXPECT_THAT(ParseWith(edit), StatusIs(absl::StatusCode::kInvalidArgument,
                                          AllOf(HasSubstr("session m/input: "), HasSubstr(said))));
  }

  static std::string Name(const std::string& tensor) { return absl::StrCat(kId, "/", tensor); }

  testing::TempDirectory directory_;
  std::string whole_;
};

TEST_F(RunFileSessionParserTest, UnchangedFileIsAccepted) {
  EXPECT_OK(ParseWith([](SafetensorsParts&) {}));
}

// In every tensor, those of the answer included.
TEST_F(RunFileSessionParserTest, EachFlippedBitIsFound) {
  EXPECT_OK(Parse(whole_));
  const std::size_t body = whole_.size() - SafetensorsParts(whole_).body().size();
  for (std::size_t at = body; at < whole_.size(); ++at) {
    for (const int bit : {0, 3, 7}) {
      std::string flipped = whole_;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      EXPECT_THAT(Parse(flipped),
                  StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("session m/input: ")))
          << at << " " << bit;
    }
  }
}

TEST_F(RunFileSessionParserTest, EachChangeOfTheMetadataIsFound) {
  const std::string metadata = SafetensorsParts(whole_).metadata()[kId];
  for (std::size_t at = 0; at < metadata.size(); ++at) {
    for (const char other : {'0', 'x'}) {
      std::string changed = metadata;
      if (changed[at] == other) continue;
      changed[at] = other;
      SafetensorsParts edited(whole_);
      edited.metadata()[kId] = changed;
      EXPECT_THAT(Parse(edited.Bytes()), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_))
          << changed;
    }
  }
}

// A file of an earlier version has no checksum.
TEST_F(RunFileSessionParserTest, EachRecordMustMatchItsDigest) {
  for (const char* tensor : {"min", "max", "num_observations", "digest"}) {
    ExpectRefused(
        [&](SafetensorsParts& parts) {
          const auto& about = parts.header()[Name(tensor)];
          std::string elements = parts.Tensor(Name(tensor));
          elements.front() = static_cast<char>(elements.front() ^ 1);
          parts.SetTensor(Name(tensor), about["dtype"], about["shape"], elements);
        },
        "record 0 does not match its digest");
  }
}

TEST_F(RunFileSessionParserTest, EachTensorMustBeThere) {
  for (const char* tensor : {"index", "num_observations", "worker", "rank", "shape", "digest",
                             "has_values", "min", "max", "global_min", "global_max"}) {
    ExpectRefused([&](SafetensorsParts& parts) { parts.header().erase(Name(tensor)); },
                  absl::StrCat("no tensor ", tensor));
  }
  // Tensors of the answer are only for other readers of the file.
  for (const char* tensor : {"range_min", "range_max"}) {
    EXPECT_OK(ParseWith([&](SafetensorsParts& parts) { parts.header().erase(Name(tensor)); }));
  }
}

TEST_F(RunFileSessionParserTest, EachTensorMustBeOfItsDtype) {
  for (const char* tensor : {"index", "num_observations", "worker", "rank", "shape"}) {
    ExpectRefused([&](SafetensorsParts& parts) { parts.header()[Name(tensor)]["dtype"] = "F64"; },
                  absl::StrCat("tensor ", tensor, " is of another dtype than I64"));
  }
  for (const char* tensor : {"digest", "has_values"}) {
    ExpectRefused([&](SafetensorsParts& parts) { parts.header()[Name(tensor)]["dtype"] = "I8"; },
                  absl::StrCat("tensor ", tensor, " is of another dtype than U8"));
  }
  for (const char* tensor : {"min", "max", "global_min", "global_max"}) {
    ExpectRefused([&](SafetensorsParts& parts) { parts.header()[Name(tensor)]["dtype"] = "I32"; },
                  absl::StrCat("tensor ", tensor, " is of another dtype than F32"));
  }
}

TEST_F(RunFileSessionParserTest, EachTensorMustBeOfItsShape) {
  const std::vector<std::pair<const char*, std::vector<std::int64_t>>> cases = {
      {"num_observations", {1, 3}},
      {"worker", {3, 1}},
      {"rank", {1, 3}},
      {"digest", {48}},
      {"digest", {16, 3}},
      {"has_values", {3, 1}},
      {"min", {4}},
      {"min", {1, 4}},
      {"min", {2, 2, 1}},
      {"max", {4}},
      {"max", {2, 1, 2}},
      {"global_min", {1, 2}},
      {"global_max", {2, 1}},
  };
  for (const auto& [tensor, shape] : cases) {
    ExpectRefused([&, name = tensor, &to = shape](
                      SafetensorsParts& parts) { parts.header()[Name(name)]["shape"] = to; },
                  absl::StrCat("tensor ", tensor, " is of shape "));
  }
}

TEST_F(RunFileSessionParserTest, EachTensorMustBeAsLongAsTheOthers) {
  for (const char* tensor : {"num_observations", "worker", "rank"}) {
    const auto two = [&](SafetensorsParts& parts) { parts.SetNumbers(Name(tensor), {0, 0}); };
    ExpectRefused(two, absl::StrCat("tensor ", tensor, " is of shape [2]"));
  }
  const std::vector<std::int64_t> four = {0, 1, 2, 3};
  ExpectRefused([&](SafetensorsParts& parts) { parts.SetNumbers(Name("index"), four); },
                "not of [4]");
  ExpectRefused(
      [](SafetensorsParts& parts) {
        parts.SetTensor(Name("digest"), "U8", {2, 16}, std::string(32, 'd'));
      },
      "tensor digest is of shape [2, 16]");
}

TEST_F(RunFileSessionParserTest, IndicesMustAscendAndBeInRange) {
  const auto with = [](std::vector<std::int64_t> indices) {
    return [indices](SafetensorsParts& parts) { parts.SetNumbers(Name("index"), indices); };
  };
  constexpr std::int64_t kMost = (std::int64_t{1} << 48) - 1;
  EXPECT_OK(ParseWith(with({0, 1, kMost})));
  ExpectRefused(with({0, 1, 1}), "index 2 is not above");
  ExpectRefused(with({1, 0, 2}), "index 1 is not above");
  ExpectRefused(with({-1, 0, 1}), "index 0 is -1");
  ExpectRefused(with({0, 1, kMost + 1}), absl::StrCat("index 2 is ", kMost + 1));
  ExpectRefused(with({0, 1, std::numeric_limits<std::int64_t>::max()}), "index 2 is 9223");
}

TEST_F(RunFileSessionParserTest, OtherNumbersAreInTheirRanges) {
  const auto with = [](const char* tensor, std::vector<std::int64_t> numbers) {
    return [=](SafetensorsParts& parts) { parts.SetNumbers(Name(tensor), numbers); };
  };
  EXPECT_OK(ParseWith(with("worker", {1, 1, 0})));
  ExpectRefused(with("worker", {0, 1, 2}), "worker 2 is 2; allowed are 0 to 1");
  ExpectRefused(with("worker", {0, -1, 0}), "worker 1 is -1");
  ExpectRefused(with("num_observations", {0, -1, 0}), "num_observations 1 is -1");
  ExpectRefused(with("shape", {3, 4, 0, 4, -4}), "shape 4 is -4");
}

TEST_F(RunFileSessionParserTest, RanksMustAddUpToTheNumberOfDimensions) {
  const auto with = [](std::vector<std::int64_t> ranks) {
    return [ranks](SafetensorsParts& parts) { parts.SetNumbers(Name("rank"), ranks); };
  };
  EXPECT_OK(ParseWith(with({1, 2, 2})));
  // The first record takes the dimensions of the second, which has no elements.
  ExpectRefused(with({5, 0, 0}), "record 0 does not match its digest");
  ExpectRefused(with({2, 2, 2}), "rank comes to 6 dimensions; shape has 5");
  ExpectRefused(with({2, 2, 0}), "rank comes to 4 dimensions; shape has 5");
  ExpectRefused(with({-1, 4, 2}), "rank 0 is -1");
  ExpectRefused(with({17, 0, 0}), "rank 0 is 17; allowed are 0 to 16");
}

TEST_F(RunFileSessionParserTest, HasValuesCountsTheRows) {
  const auto with = [](const std::string& flags) {
    return
        [flags](SafetensorsParts& parts) { parts.SetTensor(Name("has_values"), "U8", {3}, flags); };
  };
  EXPECT_OK(ParseWith(with({"\0\1\1", 3})));
  ExpectRefused(with({"\1\1\1", 3}), "has_values counts 3 rows");
  ExpectRefused(with({"\1\0\0", 3}), "has_values counts 1 rows");
}

// The parser does not trust the row size in the file, so it does not reserve memory for it.
TEST_F(RunFileSessionParserTest, RowMustBeOfTheParametersShape) {
  ExpectRefused(
      [](SafetensorsParts& parts) {
        parts.EditSession(kId, [](json& session) { session["session"]["qparam_shape"] = {4}; });
      },
      "tensor min is of shape [2, 2]");
  ExpectRefused(
      [](SafetensorsParts& parts) {
        parts.EditSession(kId, [](json& session) { session["session"].erase("qparam_shape"); });
      },
      "tensor min is of shape [2, 2]");
  ExpectRefused(
      [](SafetensorsParts& parts) {
        parts.EditSession(kId, [](json& session) { session["session"]["qparam_shape"] = {0}; });
        parts.SetTensor(Name("min"), "F32", {2, 0}, "");
        parts.SetTensor(Name("max"), "F32", {2, 0}, "");
      },
      "tensor min is of shape [2, 0]");
}

TEST_F(RunFileSessionParserTest, TheMetadataMustBeASession) {
  const auto with_text = [](const std::string& text) {
    return [text](SafetensorsParts& parts) { parts.metadata()[kId] = text; };
  };
  const auto with = [](const std::function<void(json&)>& edit) {
    return [edit](SafetensorsParts& parts) { parts.EditSession(kId, edit); };
  };
  for (const char* text : {"", "{", "[1]", "3", "null", "{}", R"({"session":{}})",
                           R"({"workers":[]})", R"({"session":{},"workers":{}})"}) {
    ExpectRefused(with_text(text), "no object with session and workers");
  }
  ExpectRefused(with([](json& whole) { whole["session"] = 3; }), "no calipers.v1.Session");
  ExpectRefused(with([](json& whole) { whole["session"]["argz"] = 3; }), "argz");
  ExpectRefused(with([](json& whole) { whole["session"]["arithmetic"] = "ARITHMETIC_FUZZY"; }),
                "no calipers.v1.Session");
  ExpectRefused(with([](json& whole) { whole["session"]["args"]["group_size"] = "x"; }),
                "no calipers.v1.Session");
  ExpectRefused(with([](json& whole) { whole["workers"][1] = 7; }), "worker");
  ExpectRefused(with_text(std::string(100'000, '[')), "no object");
  ExpectRefused(with([](json& whole) {
                  json deep = json::array();
                  for (int i = 0; i < 1'000; ++i) deep = json::array({std::move(deep)});
                  whole["session"]["args"] = std::move(deep);
                }),
                "m/input");
}

TEST_F(RunFileSessionParserTest, ErrorMessagesArePrintable) {
  for (const char* member : {"session", "dtype"}) {
    const absl::Status refused = ParseWith([&](SafetensorsParts& parts) {
      parts.EditSession(kId, [&](json& whole) {
        if (std::string(member) == "session") whole["session"]["\x1b[31m"] = 1;
        if (std::string(member) == "dtype") whole["session"]["observed_dtype"] = "\x1b[31m";
      });
    });
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument, Not(HasSubstr("\x1b"))));
  }
}

TEST_F(RunFileSessionParserTest, ObservedDtypeMustBeKnown) {
  const auto with = [](const char* dtype) {
    return [dtype](SafetensorsParts& parts) {
      parts.EditSession(kId, [&](json& whole) { whole["session"]["observed_dtype"] = dtype; });
    };
  };
  const auto without_values = [&](const char* dtype) {
    return [&, dtype](SafetensorsParts& parts) {
      with(dtype)(parts);
      parts.SetTensor(Name("has_values"), "U8", {3}, std::string(3, '\0'));
    };
  };
  ExpectRefused(with("F31"), "F31");
  ExpectRefused(with(""), "dtype");
  ExpectRefused(without_values("F31"), "F31");
  ExpectRefused(without_values(""), "dtype");
  EXPECT_OK(ParseWith(without_values("BF16")));
}

// A server would refuse the whole message with a longer name.
TEST_F(RunFileSessionParserTest, WorkerNameAboveTheServerLimitIsRefused) {
  const auto with = [](std::size_t size) {
    return [size](SafetensorsParts& parts) {
      parts.EditSession(kId, [&](json& whole) { whole["workers"][0] = std::string(size, 'w'); });
    };
  };
  EXPECT_OK(ParseWith(with(256)));
  ExpectRefused(with(257), "worker");
}

// A server must be able to create the session from the file. The name is made from the id.
TEST_F(RunFileSessionParserTest, NameProgressAndProblemInTheMetadataAreDropped) {
  SafetensorsParts parts(whole_);
  parts.DropChecksums();
  parts.EditSession(kId, [](json& whole) {
    whole["session"]["name"] = "runs/other/sessions/x/q";
    whole["session"]["progress"]["count"] = 7;
    whole["session"]["problem"]["code"] = 13;
  });
  const std::string bytes = parts.Bytes();
  const auto file =
      RunFile::Parse({reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()});
  ASSERT_OK(file);
  const v1::Session& session = file->sessions()[0].session();
  EXPECT_EQ(session.name(), "");
  EXPECT_FALSE(session.has_progress());
  EXPECT_FALSE(session.has_problem());
}

}  // namespace
}  // namespace calipers::client
