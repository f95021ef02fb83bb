#include "core/fold/folded_state.h"
#include "core/fold/observers/factories.h"

namespace calipers {
namespace {

// The range of the newest record that has elements.
class MemorylessMinmax final : public Observer {
 public:
  explicit MemorylessMinmax(const ObserverOptions& options) : state_(options.arithmetic) {}

  void Add(const Record& record) override {
    if (!record.empty()) state_.Replace(record);
  }
  bool empty() const override { return state_.empty(); }
  FoldedRange Answer() const override { return state_.Answer(); }
  std::unique_ptr<Observer> Clone() const override {
    return std::make_unique<MemorylessMinmax>(*this);
  }
  std::string SaveState() const override { return state_.Save(); }
  absl::Status RestoreState(absl::string_view state) override { return state_.Restore(state); }

 private:
  FoldedState state_;
};

}  // namespace

std::unique_ptr<Observer> MakeMemorylessMinmax(const ObserverOptions& options) {
  return std::make_unique<MemorylessMinmax>(options);
}

}  // namespace calipers
