#include "core/tensor/torch_dtype.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace calipers {
namespace {

TEST(TorchDtypeTest, NamesComeBackWithAndWithoutTorch) {
  for (const Dtype dtype : kAllDtypes) {
    const std::string name(TorchDtypeName(dtype));
    ASSERT_EQ(name.substr(0, 6), "torch.");
    EXPECT_EQ(ParseTorchDtype("scale_dtype", name).value(), dtype);
    EXPECT_EQ(ParseTorchDtype("scale_dtype", name.substr(6)).value(), dtype);
  }
}

TEST(TorchDtypeTest, AliasesAreAccepted) {
  const std::pair<const char*, Dtype> names[] = {
      {"double", Dtype::kF64}, {"torch.float", Dtype::kF32}, {"half", Dtype::kF16},
      {"short", Dtype::kI16},  {"torch.int", Dtype::kI32},   {"long", Dtype::kI64}};
  for (const auto& [name, dtype] : names) {
    EXPECT_EQ(ParseTorchDtype("zp_dtype", name).value(), dtype) << name;
  }
}

TEST(TorchDtypeTest, UnknownNamesAreRefusedByField) {
  for (const char* name : {"", "torch.", "torch.torch.int8", "INT8", "complex64", "F32"}) {
    EXPECT_FALSE(ParseTorchDtype("zp_dtype", name).ok()) << name;
  }
  EXPECT_EQ(ParseTorchDtype("zp_dtype", "fp8").status().message(),
            "zp_dtype \"fp8\" is not known (allowed: torch.float64, torch.float32, torch.float16, "
            "torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.int8, torch.uint8, "
            "torch.int16, torch.int32, torch.int64)");
}

}  // namespace
}  // namespace calipers
