#include "server/rpc/observe_streams.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace calipers::server {
namespace {

// Ends a call that is refused.
class RefusedStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RefusedStream(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ObserveStreams::Open(
    const std::string& peer) {
  std::shared_ptr<ObserveStream> stream;
  {
    absl::MutexLock lock(&mu_);
    if (draining_) return new RefusedStream(ShuttingDown());
    if (open_.size() >= max_streams_) {
      LogWarning("stream refused", {{"peer", peer}, {"open", absl::StrCat(open_.size())}});
      return new RefusedStream(
          grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                       absl::StrCat(open_.size(),
                                    " Observe streams are open, the limit of --max-streams: end "
                                    "one, send more over one stream, or raise the limit")));
    }
    stream = std::make_shared<ObserveStream>([this](ObserveStream* done) { Close(done); }, shared_,
                                             peer);
    open_.emplace(stream.get(), stream);
  }
  stream->Start();
  return stream.get();
}

void ObserveStreams::Drain() {
  std::vector<std::shared_ptr<ObserveStream>> streams;
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
    for (const auto& [pointer, stream] : open_) streams.push_back(stream);
  }
  for (const auto& stream : streams) stream->Drain();
}

void ObserveStreams::Close(ObserveStream* stream) {
  std::shared_ptr<ObserveStream> last;
  absl::MutexLock lock(&mu_);
  auto node = open_.extract(stream);
  if (!node.empty()) last = std::move(node.mapped());
}

}  // namespace calipers::server
