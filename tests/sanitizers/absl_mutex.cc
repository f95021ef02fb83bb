// Tells ThreadSanitizer about the synchronization by absl::Mutex and absl::CondVar.
// // Debian's Abseil is not instrumented and parks threads with its own futexes. So ThreadSanitizer
// does not see its locks and their order, and reports every guarded member. These definitions
// replace those of the library: they report the synchronization, and then call the library. gRPC
// calls them too.
// // A condition is evaluated by the thread that unlocks, inside the library, after the release was
// reported. So ThreadSanitizer does not check the reads in a condition.

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
}

namespace {

#define CALIPERS_TEXT(x) #x
#define CALIPERS_TEXT_OF(x) CALIPERS_TEXT(x)

// The library's function with this mangled name, given from the class name on.
template <typename Function>
Function* Next(const char* mangled_tail) {
  const std::string inner = CALIPERS_TEXT_OF(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string name = "_ZN4absl" + std::to_string(inner.size()) + inner + mangled_tail;
  void* const found = dlsym(RTLD_NEXT, name.c_str());
  if (found == nullptr) {
    std::fprintf(stderr, "absl_mutex: no %s in the Abseil that is linked\n", name.c_str());
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

class HideReads {
 public:
  HideReads() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__); }
  ~HideReads() { AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
};

// Runs `call`, which locks `mu` for the caller.
template <typename Call>
auto Taking(void* mu, Call call) {
  struct AcquireAtEnd {
    void* mu;
    ~AcquireAtEnd() { __tsan_acquire(mu); }
  } acquire{mu};
  const HideReads hide;
  return call();
}

// Runs `call`, which unlocks `mu` and may lock it again.
template <typename Call>
auto GivingUp(void* mu, Call call) {
  __tsan_release(mu);
  const HideReads hide;
  return call();
}

template <typename Call>
auto GivingUpForAWhile(void* mu, Call call) {
  __tsan_release(mu);
  return Taking(mu, call);
}

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

using LockFunction = void(Mutex*);
using TryFunction = bool(Mutex*);
using WhenFunction = void(Mutex*, const Condition&);
using TimeoutFunction = bool(Mutex*, const Condition&, Duration);
using DeadlineFunction = bool(Mutex*, const Condition&, Time);

void Mutex::Lock() {
  static LockFunction* const next = Next<LockFunction>("5Mutex4LockEv");
  Taking(this, [this] { next(this); });
}
void Mutex::ReaderLock() {
  static LockFunction* const next = Next<LockFunction>("5Mutex10ReaderLockEv");
  Taking(this, [this] { next(this); });
}
bool Mutex::TryLock() {
  static TryFunction* const next = Next<TryFunction>("5Mutex7TryLockEv");
  return Taking(this, [this] { return next(this); });
}
bool Mutex::ReaderTryLock() {
  static TryFunction* const next = Next<TryFunction>("5Mutex13ReaderTryLockEv");
  return Taking(this, [this] { return next(this); });
}
void Mutex::Unlock() {
  static LockFunction* const next = Next<LockFunction>("5Mutex6UnlockEv");
  GivingUp(this, [this] { next(this); });
}
void Mutex::ReaderUnlock() {
  static LockFunction* const next = Next<LockFunction>("5Mutex12ReaderUnlockEv");
  GivingUp(this, [this] { next(this); });
}
void Mutex::LockWhen(const Condition& condition) {
  static WhenFunction* const next = Next<WhenFunction>("5Mutex8LockWhenERKNS0_9ConditionE");
  Taking(this, [&] { next(this, condition); });
}
void Mutex::Await(const Condition& condition) {
  static WhenFunction* const next = Next<WhenFunction>("5Mutex5AwaitERKNS0_9ConditionE");
  GivingUpForAWhile(this, [&] { next(this, condition); });
}
bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static TimeoutFunction* const next =
      Next<TimeoutFunction>("5Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_8DurationE");
  return GivingUpForAWhile(this, [&] { return next(this, condition, timeout); });
}
bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static DeadlineFunction* const next =
      Next<DeadlineFunction>("5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  return GivingUpForAWhile(this, [&] { return next(this, condition, deadline); });
}

void CondVar::Wait(Mutex* mu) {
  using Function = void(CondVar*, Mutex*);
  static Function* const next = Next<Function>("7CondVar4WaitEPNS0_5MutexE");
  GivingUpForAWhile(mu, [&] { next(this, mu); });
}
bool CondVar::WaitWithTimeout(Mutex* mu, Duration timeout) {
  using Function = bool(CondVar*, Mutex*, Duration);
  static Function* const next =
      Next<Function>("7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  return GivingUpForAWhile(mu, [&] { return next(this, mu, timeout); });
}
bool CondVar::WaitWithDeadline(Mutex* mu, Time deadline) {
  using Function = bool(CondVar*, Mutex*, Time);
  static Function* const next = Next<Function>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  return GivingUpForAWhile(mu, [&] { return next(this, mu, deadline); });
}

ABSL_NAMESPACE_END
}  // namespace absl
