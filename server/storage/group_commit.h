#ifndef CALIPERS_SERVER_STORAGE_GROUP_COMMIT_H_
#define CALIPERS_SERVER_STORAGE_GROUP_COMMIT_H_

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "server/storage/store.h"

namespace calipers::server {

/// Puts the records of many streams into a store together. Records that arrive during a write go
/// into the next write, so that a device syncs once for all of them. Thread-safe. Callers never
/// wait for a device.
class GroupCommit {
 public:
  /// Gets the results of the records, in their order. Called on another thread, or before Put
  /// returns. Must be quick.
  using Done = absl::AnyInvocable<void(absl::Span<const PutResult>) &&>;

  /// `store` must outlive this object.
  explicit GroupCommit(Store* store);
  /// Waits until all records are put and each Done was called.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// Puts the records. The calls take effect in their order.
  void Put(std::vector<NewRecord> records, Done done);

 private:
  struct Request {
    std::vector<NewRecord> records;
    Done done;
  };

  void Run();
  void Commit(std::vector<Request> requests);

  Store* const store_;
  absl::Mutex mu_;
  std::vector<Request> waiting_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // not started if the store is immediate
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_GROUP_COMMIT_H_
