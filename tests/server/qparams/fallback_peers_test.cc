#include "server/qparams/fallback_peers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST_F(PeersTest, PeersDifferOnlyInThePartBehindTheName) {
  for (const char* const id :
       {"l.0.mlp.experts.0.up/input", "l.0.mlp.experts.1.up/input", "l.0.mlp.experts.10.up/input",
        "l.0.mlp.experts.1.down/input", "l.0.mlp.experts.1.up/output",
        "l.0.mlp.experts.1.up.deep/input", "l.0.mlp.experts.up/input",
        "l.0.mlp.expertsx.1.up/input", "l.1.mlp.experts.1.up/input"}) {
    Create(id);
  }
  Create("l.0.mlp.experts.3.up/input", "runs/other");
  // The result is the same whether the session itself exists or not.
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

TEST_F(PeersTest, RunMayHaveThePartInItsName) {
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

TEST_F(PeersTest, FirstNameFoundInTheModuleIsUsed) {
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

}  // namespace
}  // namespace calipers::server
