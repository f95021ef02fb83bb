#include "client/formats/number_format.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace calipers::client {
namespace {

v1::Tensor MakeTensor(Dtype dtype, const std::vector<double>& values) {
  v1::Tensor tensor;
  tensor.set_dtype(std::string(DtypeName(dtype)));
  tensor.add_shape(static_cast<std::int64_t>(values.size()));
  std::string data(values.size() * ByteSize(dtype), '\0');
  for (std::size_t i = 0; i < values.size(); ++i) {
    StoreElement(dtype, values[i], reinterpret_cast<std::byte*>(data.data()) + i * ByteSize(dtype));
  }
  tensor.set_data(data);
  return tensor;
}

std::string Text(Dtype dtype, double value) {
  return NumberText(ToElements(MakeTensor(dtype, {value})), 0);
}

TEST(ValuesTest, ReadsElementsOfAWireTensor) {
  const Elements elements = ToElements(MakeTensor(Dtype::kBF16, {1.5, -2}));
  ASSERT_EQ(elements.size(), 2U);
  EXPECT_EQ(elements[0], 1.5);
  EXPECT_EQ(elements[1], -2);
  v1::Tensor unknown;
  unknown.set_dtype("F7");
  EXPECT_EQ(ToElements(unknown).size(), 0U);
}

TEST(ValuesTest, NumbersAreShortAndReadBack) {
  EXPECT_EQ(Text(Dtype::kF32, 0.1F), "0.1");
  EXPECT_EQ(Text(Dtype::kBF16, 0.10009765625), "0.100097656");
  EXPECT_EQ(Text(Dtype::kF64, 0.1), "0.1");
  EXPECT_EQ(Text(Dtype::kF64, 1.0 / 3), "0.33333334");
  EXPECT_EQ(Text(Dtype::kF64, 0), "0");
  EXPECT_EQ(Text(Dtype::kF64, 1e39), "1e+39");
  EXPECT_EQ(Text(Dtype::kF64, -1e-320), "-1e-320");
  EXPECT_EQ(Text(Dtype::kF64, std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(Text(Dtype::kF32, std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(Text(Dtype::kF32, -std::numeric_limits<double>::infinity()), "-inf");
  std::mt19937 random(3);
  for (int i = 0; i < 10'000; ++i) {
    const float value =
        std::ldexp(static_cast<float>(random()), static_cast<int>(random() % 200) - 120);
    ASSERT_EQ(std::stof(Text(Dtype::kF32, value)), value);
    ASSERT_EQ(Text(Dtype::kF64, value), Text(Dtype::kF32, value));
    const double wide = std::ldexp(1 + value, 130 + static_cast<int>(random() % 600)) / 3;
    ASSERT_EQ(std::stod(Text(Dtype::kF64, wide)), wide);
  }
}

TEST(ValuesTest, IntegersAreExact) {
  for (const std::int64_t value :
       {std::int64_t{9007199254740995}, std::int64_t{-9007199254740993}, std::int64_t{0},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    v1::Tensor tensor = MakeTensor(Dtype::kI64, {0});
    std::memcpy(tensor.mutable_data()->data(), &value, sizeof(value));
    EXPECT_EQ(NumberText(ToElements(tensor), 0), std::to_string(value));
    const std::string quote = value == 0 ? "" : "\"";
    EXPECT_EQ(ToJson(tensor)["values"].dump(), "[" + quote + std::to_string(value) + quote + "]");
  }
  const double most = 9007199254740992;
  EXPECT_EQ(ToJson(MakeTensor(Dtype::kI64, {-most, most}))["values"].dump(),
            "[-9007199254740992,9007199254740992]");
  EXPECT_EQ(ToJson(MakeTensor(Dtype::kI8, {-128, 7}))["values"].dump(), "[-128,7]");
  EXPECT_EQ(Text(Dtype::kU8, 255), "255");
}

TEST(ValuesTest, JsonKeepsEveryBit) {
  std::mt19937_64 random(4);
  for (int i = 0; i < 2'000; ++i) {
    const float value =
        std::ldexp(static_cast<float>(random() % 1000003), static_cast<int>(random() % 200) - 120);
    const auto made = ToJson(MakeTensor(Dtype::kF32, {value}));
    const auto back = nlohmann::json::parse(made.dump());
    ASSERT_EQ(back["values"][0].get<double>(), static_cast<double>(value));
  }
  const auto made =
      ToJson(MakeTensor(Dtype::kF32, {std::nan(""), std::numeric_limits<double>::infinity(),
                                      -std::numeric_limits<double>::infinity()}));
  EXPECT_EQ(made.dump(), R"({"dtype":"F32","shape":[3],"values":["NaN","Infinity","-Infinity"]})");
}

TEST(ValuesTest, BytesHaveUnits) {
  EXPECT_EQ(BytesText(0), "0 B");
  EXPECT_EQ(BytesText(1023), "1023 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(3.0 * (1 << 30)), "3.0 GiB");
}

}  // namespace
}  // namespace calipers::client
