#include "client/formats/safetensors_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/formats/safetensors.h"
#include "tests/support/elements.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_directory.h"

namespace calipers::client {
namespace {

using calipers::testing::AsBytes;
using calipers::testing::NamesIn;
using calipers::testing::ReadFile;
using calipers::testing::StatusIs;
using calipers::testing::WriteFile;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

// A tensor that was written.
struct Written {
  Dtype dtype;
  std::vector<std::int64_t> shape;
  std::string elements;
};

class SafetensorsWriterTest : public ::testing::Test {
 protected:
  SafetensorsWriterTest() { std::filesystem::create_directories(directory_.path()); }

  std::unique_ptr<SafetensorsWriter> Create() {
    auto writer = SafetensorsWriter::Create(path_);
    EXPECT_OK(writer);
    return *std::move(writer);
  }

  // Writes a tensor in one piece.
  static absl::Status Write(SafetensorsWriter& writer, const std::string& name, Dtype dtype,
                            const std::vector<std::int64_t>& shape, const std::string& elements) {
    const auto tensor = writer.Begin(dtype);
    if (!tensor.ok()) return tensor.status();
    if (absl::Status status = writer.Append(*tensor, AsBytes(elements)); !status.ok())
      return status;
    return writer.End(*tensor, name, shape);
  }

  std::string RandomBytes(std::size_t size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  // Begins `count` tensors, appends to them in turn, and ends them in another order.
  void WriteAtOnce(SafetensorsWriter& writer, int count, std::map<std::string, Written>& written);

  // Expects that the file contains the written tensors in the layout that the format requires.
  void ExpectFile(const std::map<std::string, Written>& written,
                  const std::map<std::string, std::string>& metadata);

  testing::TempDirectory directory_;
  const std::string path_ = directory_.path() + "/file.safetensors";
  std::mt19937 random_{11};
};

void SafetensorsWriterTest::WriteAtOnce(SafetensorsWriter& writer, int count,
                                        std::map<std::string, Written>& written) {
  std::vector<SafetensorsWriter::Tensor*> tensors;
  std::vector<Written> parts;
  for (int i = 0; i < count; ++i) {
    const Dtype dtype = kAllDtypes[random_() % kAllDtypes.size()];
    const auto tensor = writer.Begin(dtype);
    ASSERT_OK(tensor);
    tensors.push_back(*tensor);
    parts.push_back({dtype, {0, 3}, ""});
  }
  for (int round = 0; round < 20 * count; ++round) {
    const std::size_t i = random_() % parts.size();
    const std::string rows = RandomBytes(random_() % 4 * 3 * ByteSize(parts[i].dtype));
    ASSERT_OK(writer.Append(tensors[i], AsBytes(rows)));
    parts[i].elements += rows;
    parts[i].shape[0] += static_cast<std::int64_t>(rows.size() / 3 / ByteSize(parts[i].dtype));
  }
  while (!parts.empty()) {
    const auto i = static_cast<std::ptrdiff_t>(random_() % parts.size());
    const std::string name = absl::StrCat("tensor ", written.size());
    ASSERT_OK(writer.End(tensors[static_cast<std::size_t>(i)], name, parts[i].shape));
    written.emplace(name, parts[static_cast<std::size_t>(i)]);
    tensors.erase(tensors.begin() + i);
    parts.erase(parts.begin() + i);
  }
}

void SafetensorsWriterTest::ExpectFile(const std::map<std::string, Written>& written,
                                       const std::map<std::string, std::string>& metadata) {
  const std::string file = ReadFile(path_);
  std::uint64_t header = 0;
  ASSERT_GE(file.size(), sizeof(header));
  std::memcpy(&header, file.data(), sizeof(header));
  EXPECT_EQ(header % 8, 0U);
  const auto read_metadata = ParseSafetensorsMetadata(AsBytes(file));
  ASSERT_OK(read_metadata);
  EXPECT_EQ(*read_metadata, metadata);
  const auto tensors = ParseSafetensors(AsBytes(file));
  ASSERT_OK(tensors);
  ASSERT_EQ(tensors->size(), written.size());
  std::map<std::size_t, std::size_t> spans;
  for (const TensorView& tensor : *tensors) {
    ASSERT_EQ(written.count(tensor.name), 1U) << tensor.name;
    const Written& expected = written.at(tensor.name);
    EXPECT_EQ(tensor.dtype, DtypeName(expected.dtype));
    EXPECT_EQ(tensor.shape, expected.shape);
    EXPECT_TRUE(tensor.data == AsBytes(expected.elements)) << tensor.name;
    if (tensor.data.empty()) continue;
    const auto begin = static_cast<std::size_t>(tensor.data.data() - AsBytes(file).data()) -
                       sizeof(header) - header;
    EXPECT_EQ(begin % ByteSize(expected.dtype), 0U) << tensor.name;
    EXPECT_TRUE(spans.emplace(begin, begin + tensor.data.size()).second) << tensor.name;
  }
  std::size_t end = 0;
  for (const auto& [begin, next] : spans) {
    EXPECT_EQ(begin, end);
    end = next;
  }
  EXPECT_EQ(end, file.size() - sizeof(header) - header);
}

TEST_F(SafetensorsWriterTest, WhatIsReadIsWhatWasWritten) {
  for (const int at_once : {1, 2, 5, 30}) {
    const auto writer = Create();
    std::map<std::string, Written> written;
    for (int round = 0; round < 10; ++round) WriteAtOnce(*writer, at_once, written);
    ASSERT_OK(writer->Finish({{"format", "pt"}, {"note", "\"quoted\", \xC3\xBC\n"}}));
    ExpectFile(written, {{"format", "pt"}, {"note", "\"quoted\", \xC3\xBC\n"}});
  }
}

// In any order of writing, tensors with the largest elements come first. This aligns all tensors.
TEST_F(SafetensorsWriterTest, EveryDtypeIsAligned) {
  std::vector<Dtype> dtypes(kAllDtypes.begin(), kAllDtypes.end());
  for (int round = 0; round < 20; ++round) {
    std::shuffle(dtypes.begin(), dtypes.end(), random_);
    const auto writer = Create();
    std::map<std::string, Written> written;
    for (const Dtype dtype : dtypes) {
      const std::string name(DtypeName(dtype));
      const Written tensor{dtype, {3}, RandomBytes(3 * ByteSize(dtype))};
      ASSERT_OK(Write(*writer, name, dtype, tensor.shape, tensor.elements));
      written.emplace(name, tensor);
    }
    ASSERT_OK(writer->Finish({}));
    ExpectFile(written, {});
  }
}

TEST_F(SafetensorsWriterTest, TensorsLargerThanAnyBufferAndWithoutElements) {
  const auto writer = Create();
  std::map<std::string, Written> written = {
      {"large", {Dtype::kBF16, {3, 1 << 20}, RandomBytes(std::size_t{6} << 20)}},
      {"small", {Dtype::kF64, {1}, RandomBytes(8)}},
      {"scalar", {Dtype::kF32, {}, RandomBytes(4)}},
      {"none", {Dtype::kI64, {0}, ""}},
      {"no row", {Dtype::kU8, {0, 16}, ""}},
  };
  for (const auto& [name, tensor] : written) {
    ASSERT_OK(Write(*writer, name, tensor.dtype, tensor.shape, tensor.elements));
  }
  ASSERT_OK(writer->Finish({}));
  ExpectFile(written, {});
}

TEST_F(SafetensorsWriterTest, FileWithoutTensors) {
  ASSERT_OK(Create()->Finish({{"a", "b"}}));
  ExpectFile({}, {{"a", "b"}});
}

TEST_F(SafetensorsWriterTest, AnotherShapeThanTheElementsIsRefused) {
  const auto writer = Create();
  const auto tensor = writer->Begin(Dtype::kF32);
  ASSERT_OK(tensor);
  const std::string elements = RandomBytes(12);
  ASSERT_OK(writer->Append(*tensor, AsBytes(elements)));
  for (const std::vector<std::int64_t>& shape :
       std::vector<std::vector<std::int64_t>>{{2}, {4}, {}, {0}, {3, 2}}) {
    EXPECT_THAT(writer->End(*tensor, "t/min", shape),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("t/min"), HasSubstr("12 bytes"))));
  }
  EXPECT_THAT(writer->End(*tensor, "t/min", {-3}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("-3")));
  ASSERT_OK(writer->End(*tensor, "t/min", {3}));
  ASSERT_OK(writer->Finish({}));
  ExpectFile({{"t/min", {Dtype::kF32, {3}, elements}}}, {});
}

TEST_F(SafetensorsWriterTest, NothingIsLeftWithoutFinish) {
  auto writer = Create();
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
  ASSERT_OK(Write(*writer, "a", Dtype::kU8, {1000}, RandomBytes(1000)));
  ASSERT_OK(writer->Begin(Dtype::kF32));
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
  writer.reset();
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

TEST_F(SafetensorsWriterTest, NothingButTheFileIsThereAfterwards) {
  const auto writer = Create();
  ASSERT_OK(Write(*writer, "a", Dtype::kU8, {1}, "x"));
  ASSERT_OK(writer->Finish({}));
  EXPECT_THAT(NamesIn(directory_.path()), UnorderedElementsAre("file.safetensors"));
}

TEST_F(SafetensorsWriterTest, FileThatIsThereIsReplacedByFinishAlone) {
  WriteFile(path_, "what was there");
  auto writer = Create();
  ASSERT_OK(Write(*writer, "a", Dtype::kU8, {4000}, RandomBytes(4000)));
  EXPECT_EQ(ReadFile(path_), "what was there");
  writer.reset();
  EXPECT_EQ(ReadFile(path_), "what was there");
  writer = Create();
  ASSERT_OK(Write(*writer, "a", Dtype::kU8, {2}, "yz"));
  ASSERT_OK(writer->Finish({}));
  ExpectFile({{"a", {Dtype::kU8, {2}, "yz"}}}, {});
  EXPECT_THAT(NamesIn(directory_.path()), UnorderedElementsAre("file.safetensors"));
}

TEST_F(SafetensorsWriterTest, PlaceWhereNothingCanBeWrittenIsNamed) {
  const std::string missing = directory_.path() + "/missing/file";
  EXPECT_THAT(SafetensorsWriter::Create(missing),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr(missing)));
  WriteFile(directory_.path() + "/plain", "");
  const std::string below_a_file = directory_.path() + "/plain/file";
  const auto refused = SafetensorsWriter::Create(below_a_file);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr(below_a_file));
}

TEST_F(SafetensorsWriterTest, FailedRenameLeavesNoFile) {
  std::filesystem::create_directories(path_ + "/full");
  const auto writer = Create();
  ASSERT_OK(Write(*writer, "a", Dtype::kU8, {1}, "x"));
  const absl::Status refused = writer->Finish({});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr(path_));
  EXPECT_THAT(NamesIn(directory_.path()), UnorderedElementsAre("file.safetensors"));
  EXPECT_THAT(NamesIn(path_), UnorderedElementsAre("full"));
}

TEST_F(SafetensorsWriterTest, HeaderLongerThanTheFormatAllowsIsRefused) {
  EXPECT_THAT(Create()->Finish({{"long", std::string(100'000'000, 'x')}}),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100000000")));
  EXPECT_THAT(NamesIn(directory_.path()), IsEmpty());
}

}  // namespace
}  // namespace calipers::client
