#include "tests/bench/sessions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "calipers/v1/calibration.pb.h"
#include "tests/bench/requests.h"

namespace calipers::bench {

std::string SessionId(std::int64_t number) {
  return absl::StrCat("model.layers.", number, ".mlp.down_proj/input");
}

std::string SessionFullName(std::int64_t number) {
  return absl::StrCat(kRun, "/sessions/", SessionId(number));
}

double CreateSessions(RawClient& client, std::int64_t count) {
  constexpr std::size_t kUnderWay = 64;
  std::vector<grpc::ByteBuffer> requests;
  for (std::int64_t i = 0; i < count; ++i) requests.push_back(CreateRequest(SessionId(i)));
  return client.Unaries("/calipers.v1.Calibration/CreateSession", requests, kUnderWay);
}

std::vector<grpc::ByteBuffer> ShareMessages(const WorkerShare& share) {
  std::vector<grpc::ByteBuffer> messages;
  for (std::int64_t i = 0; i < share.records;) {
    v1::ObserveRequest request;
    const std::int64_t end = std::min(share.records, i + share.records_a_message);
    for (; i < end; ++i) {
      AddRecord(request, SessionFullName(i % share.sessions),
                i / share.sessions * share.workers + share.worker);
    }
    messages.push_back(Serialized(request));
  }
  return messages;
}

}  // namespace calipers::bench
