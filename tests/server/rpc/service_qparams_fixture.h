#ifndef CALIPERS_TESTS_SERVER_RPC_SERVICE_QPARAMS_FIXTURE_H_
#define CALIPERS_TESTS_SERVER_RPC_SERVICE_QPARAMS_FIXTURE_H_

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/server_fixture.h"

namespace calipers::server {

inline std::string Full(const std::string& id) { return absl::StrCat("runs/r/sessions/", id); }

inline absl::Status StatusOf(const v1::QParamsResult& result) {
  return {static_cast<absl::StatusCode>(result.status().code()), result.status().message()};
}

/// Asks a server for qparams, over a connection.
class ServiceQParamsTest : public calipers::testing::ServerTest {
 protected:
  static v1::GetQParamsRequest Request(const std::string& id) {
    v1::GetQParamsRequest request;
    request.set_name(Full(id));
    return request;
  }
  static v1::GetQParamsRequest ByScheme(const std::string& id, const std::string& scheme) {
    v1::GetQParamsRequest request = Request(id);
    request.add_specs()->set_scheme(scheme);
    return request;
  }
  static v1::GetQParamsRequest ByJson(const std::string& id, const std::string& json) {
    v1::GetQParamsRequest request = Request(id);
    request.add_specs()->set_args_json(json);
    return request;
  }
  absl::StatusOr<v1::GetQParamsResponse> Ask(const v1::GetQParamsRequest& request) {
    return Call(&v1::Calibration::Stub::GetQParams, request);
  }
  // The answer to the request's only spec.
  absl::StatusOr<v1::QParams> AskOne(const v1::GetQParamsRequest& request) {
    const absl::StatusOr<v1::GetQParamsResponse> response = Ask(request);
    if (!response.ok()) return response.status();
    EXPECT_EQ(response->results_size(), 1);
    if (response->results(0).has_status()) return StatusOf(response->results(0));
    return response->results(0).qparams();
  }
  // As AskOne, for an answer that must exist.
  v1::QParams One(const v1::GetQParamsRequest& request) {
    absl::StatusOr<v1::QParams> qparams = AskOne(request);
    EXPECT_OK(qparams);
    return qparams.ok() ? *std::move(qparams) : v1::QParams();
  }
  absl::Status Error(const v1::GetQParamsRequest& request) { return AskOne(request).status(); }

  // Creates a session with groups of 16. Its weights are two groups in one row.
  void CreateGroups(const std::string& id) {
    v1::Session spec;
    spec.mutable_args()->set_group_size(16);
    ASSERT_OK(Create(id, spec));
  }
  void ObserveGroups(const std::string& id, float first, float second) {
    std::vector<float> values(32, 0.0F);
    values[3] = first;
    values[20] = second;
    EXPECT_EQ(Observe(Full(id), 0, values).outcome(), v1::ObservationAck::OUTCOME_STORED);
  }
  void ObserveGroupsOf(const std::string& id, float first, float second) {
    CreateGroups(id);
    ObserveGroups(id, first, second);
  }
  void ObserveInput(const std::string& id, const std::vector<float>& values,
                    std::int64_t index = 0) {
    EXPECT_OK(Create(id));
    EXPECT_EQ(Observe(Full(id), index, values).outcome(), v1::ObservationAck::OUTCOME_STORED);
  }
};

}  // namespace calipers::server

#endif  // CALIPERS_TESTS_SERVER_RPC_SERVICE_QPARAMS_FIXTURE_H_
