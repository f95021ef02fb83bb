#include "server/qparams/fallback_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/storage/memory/memory_store.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using calipers::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PeersTest : public ::testing::Test {
 protected:
  void Create(const std::string& id, const std::string& run = "runs/r") {
    EXPECT_OK(table_.Create(*SessionName::Make(*RunName::Parse(run), id), {}));
  }

  std::vector<std::string> Of(const std::string& id,
                              const std::vector<std::string>& behind = {"experts"}) {
    const FallbackPeers peers = *FallbackPeers::Make(behind);
    const std::string prefix = "runs/r/sessions/";
    std::vector<std::string> ids;
    for (const auto& peer : peers.Of(table_, *SessionName::Parse(absl::StrCat(prefix, id)))) {
      ids.push_back(peer->name().full().substr(prefix.size()));
    }
    return ids;
  }

  MemoryStore store_{1 << 20};
  SessionTable table_{&store_, 10'000};
};

TEST_F(PeersTest, AreThoseThatDifferInThePartBehindTheName) {
  for (const char* const id :
       {"l.0.mlp.experts.0.up/input", "l.0.mlp.experts.1.up/input", "l.0.mlp.experts.10.up/input",
        "l.0.mlp.experts.1.down/input", "l.0.mlp.experts.1.up/output",
        "l.0.mlp.experts.1.up.deep/input", "l.0.mlp.experts.up/input",
        "l.0.mlp.expertsx.1.up/input", "l.1.mlp.experts.1.up/input"}) {
    Create(id);
  }
  Create("l.0.mlp.experts.3.up/input", "runs/other");
  // Whether the session itself is there or not.
  EXPECT_THAT(Of("l.0.mlp.experts.2.up/input"),
              ElementsAre("l.0.mlp.experts.0.up/input", "l.0.mlp.experts.1.up/input",
                          "l.0.mlp.experts.10.up/input"));
  EXPECT_THAT(Of("l.0.mlp.experts.1.up/input"),
              ElementsAre("l.0.mlp.experts.0.up/input", "l.0.mlp.experts.10.up/input"));
  EXPECT_THAT(Of("l.0.mlp.experts.2.gate/input"), IsEmpty());
  EXPECT_THAT(Of("l.0.mlp.experts.2.up/input", {}), IsEmpty());
  EXPECT_THAT(Of("l.0.mlp.experts.2.up/input", {"expert"}), IsEmpty());
}

TEST_F(PeersTest, ThePartMayBeginOrEndTheModule) {
  for (const char* const id : {"experts.0/input", "experts.1/input", "a.experts.1/input"}) {
    Create(id);
  }
  EXPECT_THAT(Of("experts.0/input"), ElementsAre("experts.1/input"));
}

TEST_F(PeersTest, ARunMayHaveThePartInItsName) {
  const std::string run = "runs/.experts.x";
  for (const char* const id :
       {"m.experts.0.up/input", "m.experts.1.up/input", "n.experts.0.up/input"}) {
    Create(id, run);
  }
  const FallbackPeers peers = *FallbackPeers::Make({"experts"});
  const auto found =
      peers.Of(table_, *SessionName::Parse(absl::StrCat(run, "/sessions/m.experts.0.up/input")));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0]->name().session_id(), "m.experts.1.up/input");
}

TEST_F(PeersTest, TheFirstNameThatTheModuleHasCounts) {
  Create("layers.0.experts.1.up/input");
  Create("layers.1.experts.0.up/input");
  EXPECT_THAT(Of("layers.0.experts.0.up/input", {"none", "layers", "experts"}),
              ElementsAre("layers.1.experts.0.up/input"));
}

TEST_F(PeersTest, AreFoundAmongManyOthers) {
  for (int i = 0; i < 1200; ++i) {
    Create(absl::StrCat("m.experts.", i, ".down/input"));
    Create(absl::StrCat("m.experts.", i, ".up/input"));
  }
  EXPECT_EQ(Of("m.experts.7.up/input").size(), 1199U);
}

TEST_F(PeersTest, NamesThatAreNoPartAreRefused) {
  for (const char* const name : {"", "a.b", "a/b"}) {
    EXPECT_THAT(
        FallbackPeers::Make({"experts", name}).status(),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(absl::StrCat("\"", name, "\""))));
  }
  EXPECT_THAT(FallbackPeers::Make(std::vector<std::string>(17, "experts")).status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("17 names")));
}

Elements Of(Dtype dtype, const std::vector<double>& values) {
  Elements elements{dtype, std::vector<std::byte>(values.size() * ByteSize(dtype))};
  for (std::size_t i = 0; i < values.size(); ++i) {
    StoreElement(dtype, values[i], elements.bytes.data() + i * ByteSize(dtype));
  }
  return elements;
}

TEST(WidenTest, TakesTheOuterOfTheEndsOfEachParameter) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kF64}) {
    ElementRange range{Of(dtype, {-1, 2, 5, nan}), Of(dtype, {1, 3, 6, nan})};
    EXPECT_OK(Widen(range, {Of(dtype, {-2, 2.5, nan, 0}), Of(dtype, {0.5, 4, nan, 0})}));
    for (std::size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(i);
      if (i >= 2) {
        EXPECT_NE(range.min[i], range.min[i]);
        EXPECT_NE(range.max[i], range.max[i]);
      }
    }
    EXPECT_EQ(range.min[0], -2);
    EXPECT_EQ(range.max[0], 1);
    EXPECT_EQ(range.min[1], 2);
    EXPECT_EQ(range.max[1], 4);
  }
}

TEST(WidenTest, RefusesRangesOfAnotherKind) {
  ElementRange range{Of(Dtype::kF32, {-1, 2}), Of(Dtype::kF32, {1, 3})};
  const ElementRange before = range;
  EXPECT_THAT(Widen(range, {Of(Dtype::kF32, {-1}), Of(Dtype::kF32, {1})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("of 2 parameters")));
  EXPECT_THAT(Widen(range, {Of(Dtype::kBF16, {-1, 2}), Of(Dtype::kBF16, {1, 3})}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("BF16")));
  EXPECT_EQ(range.min.bytes, before.min.bytes);
  EXPECT_EQ(range.max.bytes, before.max.bytes);
}

}  // namespace
}  // namespace calipers::server
