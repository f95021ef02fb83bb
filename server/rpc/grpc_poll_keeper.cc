#include "server/rpc/grpc_poll_keeper.h"

#include <chrono>

namespace calipers::server {
namespace {

constexpr std::chrono::milliseconds kInterval(500);

}  // namespace

GrpcPollKeeper::GrpcPollKeeper(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
  absl::MutexLock lock(&mu_);
  Arm();
}

GrpcPollKeeper::~GrpcPollKeeper() {
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  alarm_.Cancel();
  mu_.Await(absl::Condition(&quiet_));
}

void GrpcPollKeeper::Arm() {
  alarm_.Set(std::chrono::system_clock::now() + kInterval, [this](bool /*ok*/) { Check(); });
}

void GrpcPollKeeper::Check() {
  {
    absl::MutexLock lock(&mu_);
    if (stopping_) {
      quiet_ = true;
      return;
    }
  }
  context_.emplace();
  stub_.UnaryCall(&*context_, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request_,
                  &response_, [this](const grpc::Status& /*status*/) { Checked(); });
}

void GrpcPollKeeper::Checked() {
  absl::MutexLock lock(&mu_);
  if (stopping_) {
    quiet_ = true;
  } else {
    Arm();
  }
}

}  // namespace calipers::server
