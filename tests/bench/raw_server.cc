#include "tests/bench/raw_server.h"

#include <fstream>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "calipers/v1/observation.pb.h"
#include "google/protobuf/arena.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/grpcpp.h"
#include "grpcpp/support/proto_buffer_reader.h"
#include "grpcpp/support/proto_buffer_writer.h"
#include "server/base/malloc_settings.h"
#include "tests/bench/load_only.h"

namespace calipers::bench {
namespace {

enum class Mode { kDiscard, kLoad, kParse, kEcho };

class Reactor final : public grpc::ServerGenericBidiReactor {
 public:
  Reactor(Mode mode, int answer_every) : mode_(mode), answer_every_(answer_every) {
    StartRead(&incoming_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    if (mode_ == Mode::kLoad) Load();
    ++messages_;
    if (mode_ != Mode::kEcho && messages_ % answer_every_ != 0) return StartRead(&incoming_);
    outgoing_ = Answer();
    // A unary call has no further message.
    if (mode_ == Mode::kEcho) return StartWriteAndFinish(&outgoing_, {}, grpc::Status::OK);
    StartWrite(&outgoing_);
  }
  void OnWriteDone(bool ok) override {
    if (mode_ == Mode::kEcho) return;
    if (ok) StartRead(&incoming_);
    if (!ok) Finish(grpc::Status::CANCELLED);
  }
  void OnDone() override { delete this; }

 private:
  static grpc::ByteBuffer Short() {
    const grpc::Slice slice("an answer");
    return {&slice, 1};
  }

  grpc::ByteBuffer Answer() {
    switch (mode_) {
      case Mode::kEcho:
        return incoming_;
      case Mode::kParse:
        return ParseAndAcknowledge();
      default:
        return Short();
    }
  }

  // The minimum work of a server that reads records and acknowledges each record: the generated
  // code, in an arena.
  grpc::ByteBuffer ParseAndAcknowledge() {
    google::protobuf::Arena arena;
    auto& request = *google::protobuf::Arena::CreateMessage<v1::ObserveRequest>(&arena);
    auto& response = *google::protobuf::Arena::CreateMessage<v1::ObserveResponse>(&arena);
    {
      grpc::ProtoBufferReader reader(&incoming_);
      if (!request.ParseFromZeroCopyStream(&reader)) return Short();
    }
    for (const v1::ReducedObservation& observation : request.reduced().observations()) {
      v1::ObservationAck& ack = *response.add_acks();
      ack.set_ordinal(ordinal_++);
      ack.set_index(observation.header().index());
      ack.set_outcome(v1::ObservationAck::OUTCOME_STORED);
    }
    grpc::ByteBuffer buffer;
    {
      // The destructor of the writer completes the buffer.
      grpc::ProtoBufferWriter writer(&buffer, 64 << 10, static_cast<int>(response.ByteSizeLong()));
      response.SerializeToZeroCopyStream(&writer);
    }
    return buffer;
  }

  // Loads every byte, in vectors: the minimum work of a server that looks at the bytes.
  void Load() {
    std::vector<grpc::Slice> slices;
    if (!incoming_.Dump(&slices).ok()) return;
    for (const grpc::Slice& slice : slices) {
      loaded_ |= LoadOnly({reinterpret_cast<const std::byte*>(slice.begin()), slice.size()});
    }
    // Prevents the compiler from removing the loads.
    asm volatile("" : : "r"(loaded_));
  }

  const Mode mode_;
  const int answer_every_;
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  std::int64_t messages_ = 0;
  std::int64_t ordinal_ = 0;
  std::uint64_t loaded_ = 0;
};

class RawService final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    const Mode mode = context->method() == "/raw/Load"    ? Mode::kLoad
                      : context->method() == "/raw/Echo"  ? Mode::kEcho
                      : context->method() == "/raw/Parse" ? Mode::kParse
                                                          : Mode::kDiscard;
    int answer_every = 1;
    const auto& metadata = context->client_metadata();
    if (const auto it = metadata.find(kAnswerEvery); it != metadata.end()) {
      if (!absl::SimpleAtoi(absl::string_view(it->second.data(), it->second.size()),
                            &answer_every)) {
        answer_every = 1;
      }
    }
    return new Reactor(mode, answer_every);
  }
};

}  // namespace

int ServeRaw(const std::string& port_file) {
  // As in calipers-server. Otherwise the measurement would include malloc's defaults.
  server::KeepFreedMemory();
  RawService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterCallbackGenericService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::ofstream(port_file) << port << '\n';
  server->Wait();
  return 0;
}

}  // namespace calipers::bench
