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

/// Puts records into a store for many streams at once: what comes while one write
/// is on its way goes into the next, so that a device syncs once for all of them.
/// Thread-safe; never blocks its callers on a device.
class GroupCommit {
 public:
  /// Told what became of the records, in their order, from another thread or
  /// before Put returns. Must be quick.
  using Done = absl::AnyInvocable<void(absl::Span<const PutResult>) &&>;

  /// `store` outlives it.
  explicit GroupCommit(Store* store);
  /// After everything put is done.
  ~GroupCommit();
  GroupCommit(const GroupCommit&) = delete;
  GroupCommit& operator=(const GroupCommit&) = delete;

  /// In the order of the calls.
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
  std::thread thread_;  // none if the store is immediate
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_GROUP_COMMIT_H_
