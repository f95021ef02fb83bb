#include "server/server.h"

#include <chrono>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/mutex_settings.h"  // IWYU pragma: keep
#include "core/status_macros.h"
#include "google/protobuf/stubs/logging.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/resource_quota.h"
#include "server/storage/memory/memory_store.h"
#include "server/storage/rocksdb/rocksdb_store.h"

namespace calipers::server {
namespace {

absl::StatusOr<std::unique_ptr<Store>> OpenStore(const Config& config) {
  if (config.store == StoreKind::kMemory) {
    return std::make_unique<MemoryStore>(static_cast<std::int64_t>(config.max_store_bytes));
  }
  return RocksdbStore::Open({.directory = config.data_dir,
                             .durability = config.durability,
                             .cache_bytes = static_cast<std::size_t>(config.cache_bytes)});
}

}  // namespace

Server::Server(const Config& config, std::unique_ptr<Store> store)
    : config_(config),
      store_(std::move(store)),
      sessions_(store_.get(), config.max_sessions),
      budget_(static_cast<std::int64_t>(config.max_inflight_bytes)),
      folds_(static_cast<std::size_t>(config.fold_cache_bytes)),
      checkpointer_(&folds_),
      commit_(store_.get()),
      service_(store_.get(), &folds_, {&sessions_, &budget_, &commit_, &checkpointer_},
               config.max_streams, config.max_calls) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config) {
  ASSIGN_OR_RETURN(std::unique_ptr<Store> store, OpenStore(config));
  return Start(config, std::move(store));
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config,
                                                      std::unique_ptr<Store> store) {
  // Protobuf would log a line of its own for each malformed message of a client.
  google::protobuf::SetLogHandler(nullptr);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<Server> server(new Server(config, std::move(store)));
  RETURN_IF_ERROR(server->sessions_.Restore());
  grpc::ResourceQuota quota("calipers");
  quota.Resize(config.max_inflight_bytes);
  quota.SetMaxThreads(static_cast<int>(config.max_calls));
  grpc::ServerBuilder builder;
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.max_message_bytes));
  // Workers between two tensors and watchers of an idle run send keepalive pings. By default gRPC
  // treats these as abuse and closes the connection.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             config.shortest_ping_interval_ms);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // If two servers could listen on one port, they would share its connections without an error.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(config.listen, grpc::InsecureServerCredentials(), &server->port_);
  builder.RegisterService(&server->service_);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", config.listen,
                     ": check that the address belongs to this machine and that no other program "
                     "uses the port"));
  }
  server->server_->GetHealthCheckService()->SetServingStatus("calipers.v1.Calibration", true);
  server->poll_keeper_.emplace(server->InProcessChannel());
  return server;
}

Server::~Server() {
  poll_keeper_.reset();
  if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  return server_->InProcessChannel(arguments);
}

void Server::Stop() {
  poll_keeper_.reset();
  server_->GetHealthCheckService()->SetServingStatus(false);
  service_.Drain();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(config_.drain_seconds));
  server_->Wait();
}

}  // namespace calipers::server
