#include "server/rpc/qparams_handlers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/storage/memory/memory_store.h"
#include "tests/support/add_record.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::server {
namespace {

using ::testing::HasSubstr;

// The questions have answers without tensors, so the sessions need no records. The size limit of an
// answer does not depend on its content.
class QParamsCallsTest : public ::testing::Test {
 protected:
  QParamsCallsTest() {
    for (const char* const id : {"a/input", "b/input"}) {
      EXPECT_OK(table_.Create(*SessionName::Make(*RunName::Parse("runs/r"), id), {}));
    }
  }

  static int Full(const google::protobuf::RepeatedPtrField<v1::QParamsResult>& results) {
    int full = 0;
    for (const v1::QParamsResult& result : results) {
      const bool is_full =
          result.status().code() == static_cast<int>(absl::StatusCode::kResourceExhausted);
      if (is_full) {
        EXPECT_THAT(result.status().message(), HasSubstr("ask for fewer"));
      }
      // After the first result that found no room, no other result has room.
      EXPECT_EQ(is_full, full > 0 || is_full);
      full += is_full ? 1 : 0;
    }
    return full;
  }

  static absl::Status NoWait(Session& /*session*/, std::int64_t /*count*/) {
    return absl::OkStatus();
  }

  MemoryStore store_{1 << 20};
  SessionTable table_{&store_, 50};
};

TEST_F(QParamsCallsTest, SpecsWithoutRoomGetAnError) {
  v1::GetQParamsRequest request;
  request.set_name("runs/r/sessions/a/input");
  for (int i = 0; i < 3; ++i) request.add_specs()->set_scheme("W8A8");
  const auto all = GetQParams(table_, request, NoWait);
  ASSERT_OK(all);
  EXPECT_EQ(Full(all->results()), 0);
  const std::size_t one = all->results(0).ByteSizeLong();
  ASSERT_GT(one, 0U);
  EXPECT_EQ(Full(GetQParams(table_, request, NoWait, one)->results()), 2);
  EXPECT_EQ(Full(GetQParams(table_, request, NoWait, one + 1)->results()), 1);
}

TEST_F(QParamsCallsTest, SessionsWithoutRoomGetAnError) {
  v1::BatchGetQParamsRequest request;
  request.set_parent("runs/r");
  request.add_names("runs/r/sessions/a/input");
  request.add_names("runs/r/sessions/b/input");
  for (int i = 0; i < 2; ++i) request.add_specs()->set_scheme("W8A8");
  const auto all = BatchGetQParams(table_, request, NoWait);
  ASSERT_OK(all);
  EXPECT_EQ(Full(all->results()), 0);
  const std::size_t one = all->results(0).ByteSizeLong();
  EXPECT_EQ(Full(BatchGetQParams(table_, request, NoWait, one)->results()), 3);
  EXPECT_EQ(Full(BatchGetQParams(table_, request, NoWait, 2 * one)->results()), 2);
}

TEST_F(QParamsCallsTest, FusedGroupSharesOneGlobalScaleDuringPuts) {
  SessionSpec spec;
  spec.args.strategy = Strategy::kTensorGroup;
  spec.args.group_size = 16;
  v1::BatchGetQParamsRequest request;
  request.set_parent("runs/r");
  request.add_specs()->set_scheme("NVFP4");
  for (const char* const id : {"a.q_proj/weight", "a.k_proj/weight", "a.v_proj/weight"}) {
    const auto session = table_.Create(*SessionName::Make(*RunName::Parse("runs/r"), id), spec);
    ASSERT_OK(session);
    request.add_names((*session)->name().full());
  }
  double reach = 1;
  const auto observe_more = [&](Session& session, std::int64_t /*count*/) {
    reach *= 2;
    const auto record = calipers::testing::MakeRecord(-reach, reach);
    calipers::testing::AddRecord(store_, session, std::nullopt, {1, 1}, record, "w");
    return absl::OkStatus();
  };
  const auto answer = BatchGetQParams(table_, request, observe_more);
  ASSERT_OK(answer);
  for (const v1::QParamsResult& result : answer->results()) {
    ASSERT_TRUE(result.has_qparams()) << result.status().message();
    EXPECT_EQ(result.qparams().fused_sessions_size(), 3);
    EXPECT_EQ(result.qparams().global_scale().data(),
              answer->results(0).qparams().global_scale().data());
  }
}

}  // namespace
}  // namespace calipers::server
