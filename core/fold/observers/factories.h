#ifndef CALIPERS_CORE_FOLD_OBSERVERS_FACTORIES_H_
#define CALIPERS_CORE_FOLD_OBSERVERS_FACTORIES_H_

#include <memory>

#include "core/fold/observer.h"

namespace calipers {

// One factory for each observer. Each is defined in the file with the observer's name, and
// registered in core/fold/observers/registry.cc.

std::unique_ptr<Observer> MakeMemorylessMinmax(const ObserverOptions& options);
std::unique_ptr<Observer> MakeMinmax(const ObserverOptions& options);
std::unique_ptr<Observer> MakeStaticMinmax(const ObserverOptions& options);

}  // namespace calipers

#endif  // CALIPERS_CORE_FOLD_OBSERVERS_FACTORIES_H_
