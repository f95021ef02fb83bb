#include "client/formats/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

Bytes File(const std::string& header, std::size_t data_bytes) {
  Bytes file(8 + header.size() + data_bytes, std::byte{7});
  const std::uint64_t length = header.size();
  std::memcpy(file.data(), &length, 8);
  std::memcpy(file.data() + 8, header.data(), header.size());
  return file;
}

auto Parse(const std::string& header, std::size_t data_bytes) {
  static Bytes file;
  file = File(header, data_bytes);
  return ParseSafetensors(file);
}

TEST(SafetensorsTest, ReadsTensorsByName) {
  const auto tensors = Parse(R"({"__metadata__":{"format":"pt"},)"
                             R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
                             R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("c":{"dtype":"I8","shape":[],"data_offsets":[20,21]},)"
                             R"("d":{"dtype":"F32","shape":[0,4],"data_offsets":[21,21]}})",
                             21);
  ASSERT_OK(tensors);
  ASSERT_EQ(tensors->size(), 4U);
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[1].name, "b");
  EXPECT_EQ((*tensors)[1].dtype, "BF16");
  EXPECT_EQ((*tensors)[1].shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ((*tensors)[1].data.size(), 12U);
  EXPECT_EQ((*tensors)[1].data.data() - (*tensors)[0].data.data(), 8);
  EXPECT_TRUE((*tensors)[3].data.empty());
}

TEST(SafetensorsTest, FileWithoutTensorsIsEmpty) {
  const auto tensors = Parse("{}", 0);
  ASSERT_OK(tensors);
  EXPECT_TRUE(tensors->empty());
}

TEST(SafetensorsTest, DtypeThatIsNotKnownIsNoError) {
  const auto tensors = Parse(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("b":{"dtype":"F8_E5M2FNUZ","shape":[3],"data_offsets":[4,7]}})",
                             7);
  ASSERT_OK(tensors);
  ASSERT_EQ(tensors->size(), 2U);
  EXPECT_EQ((*tensors)[1].dtype, "F8_E5M2FNUZ");
  EXPECT_EQ((*tensors)[1].data.size(), 3U);
}

TEST(SafetensorsTest, TensorsFillTheDataOnce) {
  const auto refused = [](const std::string& header, std::size_t data_bytes, const char* why) {
    EXPECT_THAT(Parse(header, data_bytes),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  const std::string a = R"({"a":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},)";
  refused(a + R"("b":{"dtype":"I8","shape":[4],"data_offsets":[3,7]}})", 7,
          "\"b\": its data overlap");
  refused(a + R"("b":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}})", 4, "its data overlap");
  refused(a + R"("b":{"dtype":"I8","shape":[0],"data_offsets":[2,2]}})", 4, "its data overlap");
  refused(a + R"("b":{"dtype":"I8","shape":[1],"data_offsets":[6,7]}})", 7,
          "\"b\": 2 bytes before");
  refused(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[3,4]}})", 4, "\"a\": 3 bytes before");
  refused(a + R"("b":{"dtype":"I8","shape":[1],"data_offsets":[4,5]}})", 8, "3 bytes follow");
  refused("{}", 1, "1 bytes follow");
  refused(a + R"("a":{"dtype":"I8","shape":[4],"data_offsets":[4,8]}})", 8, "a key twice");
  // Empty tensors may lie between others, several at one place.
  EXPECT_OK(Parse(a + R"("b":{"dtype":"I8","shape":[0],"data_offsets":[4,4]},)"
                      R"("c":{"dtype":"I8","shape":[0],"data_offsets":[0,0]},)"
                      R"("d":{"dtype":"I8","shape":[0],"data_offsets":[4,4]},)"
                      R"("e":{"dtype":"I8","shape":[2],"data_offsets":[4,6]}})",
                  6));
}

struct BadCase {
  const char* what;
  std::string header;
  const char* said;
};

TEST(SafetensorsTest, DamagedHeadersAreRefusedByName) {
  const BadCase cases[] = {
      {"not JSON", "{\"a\":", "not a JSON object"},
      {"not an object", "[1,2]", "not a JSON object"},
      {"entry not an object", R"({"a":3})", "\"a\""},
      {"no dtype", R"({"a":{"shape":[1],"data_offsets":[0,4]}})", "dtype"},
      {"unknown dtype beyond the file", R"({"a":{"dtype":"F7","shape":[1],"data_offsets":[0,8]}})",
       "data_offsets"},
      {"no shape", R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", "shape"},
      {"negative size", R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "shape"},
      {"fractional size", R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "shape"},
      {"huge size", R"({"a":{"dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,4]}})",
       "shape"},
      {"product overflows",
       R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}})", "shape"},
      {"one offset", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "data_offsets"},
      {"offsets reversed", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})",
       "data_offsets"},
      {"beyond the file", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "data_offsets"},
      {"span too small", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,2]}})", "takes 4"},
      {"deep nesting", "{\"a\":" + std::string(10000, '[') + std::string(10000, ']') + "}",
       "too deep"},
  };
  for (const BadCase& bad : cases) {
    EXPECT_THAT(Parse(bad.header, 4),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad.said)))
        << bad.what;
  }
}

TEST(SafetensorsTest, TruncatedFileIsRefusedAtEveryLength) {
  const Bytes whole = File(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseSafetensors(absl::MakeConstSpan(whole).first(size)).ok()) << size;
  }
  EXPECT_OK(ParseSafetensors(whole));
}

TEST(SafetensorsTest, HugeHeaderLengthTakesNoMemory) {
  Bytes file(100);
  const std::uint64_t length = ~std::uint64_t{0};
  std::memcpy(file.data(), &length, 8);
  EXPECT_THAT(ParseSafetensors(file),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("18446744073709551615")));
}

// For any flipped byte, the parser terminates, and its result lies within the file.
TEST(SafetensorsTest, FlippedBytesNeverLeadOutOfTheFile) {
  const Bytes whole = File(
      R"({"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"b":{"dtype":"U8","shape":[8],"data_offsets":[24,32]}})",
      32);
  std::mt19937 random(5);
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes file = whole;
    for (std::size_t flips = 1 + random() % 3; flips > 0; --flips) {
      file[random() % file.size()] = static_cast<std::byte>(random());
    }
    const auto tensors = ParseSafetensors(file);
    if (!tensors.ok()) continue;
    ++accepted;
    for (const TensorView& tensor : *tensors) {
      ASSERT_GE(tensor.data.data(), file.data());
      ASSERT_LE(tensor.data.data() + tensor.data.size(), file.data() + file.size());
    }
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace calipers::client
