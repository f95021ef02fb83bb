#include "client/formats/capture.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <string>

#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(CaptureNameTest, WeightIsItsModulesAtIndexZero) {
  const auto name = ParseTensorName("model.layers.0.mlp.up_proj.weight");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->session_id, "model.layers.0.mlp.up_proj/weight");
  EXPECT_EQ(name->base_name, BaseName::kWeight);
  EXPECT_EQ(name->index, 0);
}

TEST(CaptureNameTest, ActivationNamesItsBatch) {
  const auto name = ParseTensorName("a.b/output/17");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->session_id, "a.b/output");
  EXPECT_EQ(name->base_name, BaseName::kOutput);
  EXPECT_EQ(name->index, 17);
}

TEST(CaptureNameTest, OtherNamesAreNoCaptures) {
  for (const char* name : {"", "weight", ".weight", "a.bias", "a/input", "a/input/", "a/input/-1",
                           "a/input/x", "/input/1", "a/gate/1", "a/input/1/", "input/1"}) {
    EXPECT_FALSE(ParseTensorName(name).has_value()) << name;
  }
}

TEST(CaptureNameTest, NpyFilesAreNamedByTheirParts) {
  const auto name = ParseNpyName("/some/folder/model.layers.0@q@3.npy");
  ASSERT_TRUE(name.has_value());
  EXPECT_EQ(name->session_id, "model.layers.0/q");
  EXPECT_EQ(name->index, 3);
  for (const char* bad : {"a@q@3", "a.npy", "a@q.npy", "@q@3.npy", "a@r@3.npy", "a@q@x.npy"}) {
    EXPECT_FALSE(ParseNpyName(bad).has_value()) << bad;
  }
}

std::string Write(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string Safetensors(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string content(8, '\0');
  std::memcpy(content.data(), &length, 8);
  return content + header + std::string(data_bytes, '\0');
}

TEST(CaptureFileTest, ReadsCapturesAndListsSkippedTensors) {
  const std::string path =
      Write("capture.safetensors",
            Safetensors(R"({"m.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
                        R"("m.bias":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},)"
                        R"("m/input/2":{"dtype":"BOOL","shape":[1],"data_offsets":[8,9]}})",
                        9));
  const auto file = OpenCaptureFile(path);
  ASSERT_OK(file);
  ASSERT_EQ(file->captures.size(), 1U);
  EXPECT_EQ(file->captures[0].name.session_id, "m/weight");
  ASSERT_EQ(file->skipped.size(), 2U);
  EXPECT_EQ(file->skipped[0].name, "m.bias");
  EXPECT_FALSE(file->skipped[0].for_dtype);
  EXPECT_EQ(file->skipped[1].name, "m/input/2");
  EXPECT_TRUE(file->skipped[1].for_dtype);
}

TEST(CaptureFileTest, DtypesThatAreNotObservedAreNamed) {
  const std::string path =
      Write("dtypes.safetensors",
            Safetensors(R"({"m.weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},)"
                        R"("n.weight":{"dtype":"F8_E5M2FNUZ","shape":[1],"data_offsets":[4,5]},)"
                        R"("n.scale":{"dtype":"F8_E5M2FNUZ","shape":[1],"data_offsets":[5,6]}})",
                        6));
  const auto file = OpenCaptureFile(path);
  ASSERT_OK(file);
  EXPECT_EQ(file->captures.size(), 1U);
  ASSERT_EQ(file->skipped.size(), 2U);
  for (const SkippedTensor& tensor : file->skipped) {
    EXPECT_TRUE(tensor.for_dtype) << tensor.name;
    EXPECT_EQ(tensor.dtype, "F8_E5M2FNUZ");
    EXPECT_EQ(tensor.shape, (std::vector<std::int64_t>{1}));
  }
}

TEST(CaptureFileTest, PointerOfGitLfsIsNamed) {
  const std::string text =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
  for (const char* name : {"lfs.safetensors", "m@input@0.npy"}) {
    EXPECT_THAT(OpenCaptureFile(Write(name, text)).status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(name), HasSubstr("git lfs pull"))));
  }
}

// A range of its stored numbers would give a scale of 1 or so.
TEST(CaptureFileTest, QuantizedWeightIsRefusedByName) {
  const auto open = [](const std::string& dtype, int bytes, const std::string& scale) {
    const std::string end = std::to_string(bytes);
    const std::string both = std::to_string(bytes + 4);
    const std::string path =
        Write("quantized.safetensors",
              Safetensors(R"({"m.weight":{"dtype":")" + dtype +
                              R"(","shape":[1,1],"data_offsets":[0,)" + end + R"(]},")" + scale +
                              R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" + end + "," +
                              both + "]}}",
                          static_cast<std::size_t>(bytes) + 4));
    return OpenCaptureFile(path).status();
  };
  for (const char* const scale : {"m.weight_scale", "m.weight_scale_inv"}) {
    for (const auto& [dtype, bytes] : {std::pair("F8_E4M3", 1), {"I8", 1}, {"I32", 4}}) {
      EXPECT_THAT(open(dtype, bytes, scale),
                  StatusIs(absl::StatusCode::kInvalidArgument,
                           AllOf(HasSubstr("quantized.safetensors"), HasSubstr("\"m.weight\""),
                                 HasSubstr(scale), HasSubstr("decompressed"))));
    }
    // Weights that were calibrated, but are not quantized yet.
    EXPECT_OK(open("BF16", 2, scale));
  }
  EXPECT_OK(open("F8_E4M3", 1, "n.weight_scale"));
}

TEST(CaptureNameTest, ModulesThatNoSessionCanHaveAreNamed) {
  const auto check = [](const std::string& tensor) {
    return CheckModule({*ParseTensorName(tensor), {.name = tensor, .dtype = "F32"}});
  };
  EXPECT_OK(check("model.layers.0:q_proj/x-1.weight"));
  EXPECT_OK(check(std::string(512, 'm') + ".weight"));
  EXPECT_THAT(check(std::string(513, 'm') + ".weight"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 to 512")));
  EXPECT_THAT(check("b b.weight"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"b b.weight\"")));
  // Control characters for a terminal are not printed.
  EXPECT_THAT(check("b\033[2J/input/0"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("\"b?[2J/input/0\"")));
}

TEST(CaptureFileTest, ErrorsNameTheFile) {
  EXPECT_THAT(OpenCaptureFile("/nonexistent/a.safetensors"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/a.safetensors")));
  EXPECT_THAT(OpenCaptureFile(Write("damaged.safetensors", "x")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("damaged.safetensors")));
  EXPECT_THAT(OpenCaptureFile(Write("empty.npy", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("MODULE@BASE_NAME@INDEX")));
  EXPECT_THAT(OpenCaptureFile(Write("m@q@1.npy", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("m@q@1.npy")));
  EXPECT_THAT(OpenCaptureFile(Write("model.bin", "")),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("neither")));
  EXPECT_THAT(OpenCaptureFile(::testing::TempDir()),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a regular file")));
}

}  // namespace
}  // namespace calipers::client
