#include "client/formats/npy.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/status_matchers.h"

namespace calipers::client {
namespace {

using calipers::testing::StatusIs;
using ::testing::HasSubstr;
using Bytes = std::vector<std::byte>;

Bytes NpyFile(const std::string& dict, std::size_t data_bytes, char version = 1) {
  std::string text = "\x93NUMPY";
  text += version;
  text += '\0';
  text += static_cast<char>(dict.size() & 0xFF);
  text += static_cast<char>(dict.size() >> 8);
  if (version > 1) text += std::string(2, '\0');
  text += dict + std::string(data_bytes, '\x01');
  const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

std::string Dict(const std::string& descr, const std::string& shape,
                 const std::string& order = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

TEST(NpyTest, ReadsEveryVersion) {
  for (char version : {'\1', '\2', '\3'}) {
    const Bytes file = NpyFile(Dict("<f4", "(2, 3)"), 24, version);
    const auto tensor = ParseNpy(file);
    ASSERT_OK(tensor);
    EXPECT_EQ(tensor->dtype, "F32");
    EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{2, 3}));
    EXPECT_EQ(tensor->data.size(), 24U);
  }
}

TEST(NpyTest, ReadsEveryDtypeAndRank) {
  const std::pair<const char*, const char*> dtypes[] = {
      {"<f8", "F64"}, {"<f2", "F16"}, {"|i1", "I8"}, {"|u1", "U8"},
      {"<i2", "I16"}, {"<i4", "I32"}, {"<i8", "I64"}};
  for (const auto& [descr, name] : dtypes) {
    const std::size_t size = static_cast<std::size_t>(descr[2] - '0');
    const Bytes file = NpyFile(Dict(descr, "(5,)"), 5 * size);
    const auto tensor = ParseNpy(file);
    ASSERT_OK(tensor);
    EXPECT_EQ(tensor->dtype, name);
  }
  const Bytes scalar = NpyFile(Dict("<f4", "()"), 4);
  ASSERT_OK(ParseNpy(scalar));
  EXPECT_TRUE(ParseNpy(scalar)->shape.empty());
}

TEST(NpyTest, WhatCannotBeObservedIsRefused) {
  const std::pair<Bytes, const char*> cases[] = {
      {NpyFile(Dict("<f4", "(1,)", "True"), 4), "Fortran"},
      {NpyFile(Dict("<f4", "(2,)"), 4), "takes 8"},
      {NpyFile(Dict("<f4", "(1,)"), 5), "takes 4"},
      {NpyFile(Dict("<f4", "(99999999999999999999,)"), 4), "shape"},
      {NpyFile(Dict("<f4", "(4294967296, 4294967296, 4294967296)"), 4), "shape"},
      {NpyFile("{}", 4), "lacks"},
      {NpyFile(Dict("<f4", "(1,)"), 4, 9), "version 9"},
      {Bytes(20), "begin"},
  };
  for (const auto& [file, said] : cases) {
    EXPECT_THAT(ParseNpy(file), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(said)));
  }
}

TEST(NpyTest, DtypeThatIsNotKnownIsNoError) {
  for (const char* descr : {">f4", "<c8", "|b1", "<U3"}) {
    const Bytes file = NpyFile(Dict(descr, "(1, 2)"), 8);
    const auto tensor = ParseNpy(file);
    ASSERT_OK(tensor);
    EXPECT_EQ(tensor->dtype, descr);
    EXPECT_EQ(tensor->shape, (std::vector<std::int64_t>{1, 2}));
    EXPECT_TRUE(tensor->data.empty());
  }
}

TEST(NpyTest, TruncatedFileIsRefusedAtEveryLength) {
  const Bytes whole = NpyFile(Dict("<f4", "(3,)"), 12);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseNpy(absl::MakeConstSpan(whole).first(size)).ok()) << size;
  }
}

TEST(NpyTest, FlippedBytesNeverLeadOutOfTheFile) {
  const Bytes whole = NpyFile(Dict("<f4", "(2, 2)"), 16);
  std::mt19937 random(5);
  for (int round = 0; round < 20'000; ++round) {
    Bytes file = whole;
    file[random() % file.size()] = static_cast<std::byte>(random());
    const auto tensor = ParseNpy(file);
    if (!tensor.ok()) continue;
    ASSERT_LE(tensor->data.data() + tensor->data.size(), file.data() + file.size());
  }
}

}  // namespace
}  // namespace calipers::client
