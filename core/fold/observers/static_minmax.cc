#include "core/fold/folded_state.h"
#include "core/fold/observers/factories.h"

namespace calipers {
namespace {

// The extremes of all records.
class StaticMinmax final : public Observer {
 public:
  explicit StaticMinmax(const ObserverOptions& options) : state_(options.arithmetic) {}

  void Add(const Record& record) override {
    if (!record.empty()) state_.Widen(record);
  }
  bool empty() const override { return state_.empty(); }
  FoldedRange Answer() const override { return state_.Answer(); }
  std::unique_ptr<Observer> Clone() const override { return std::make_unique<StaticMinmax>(*this); }
  std::string SaveState() const override { return state_.Save(); }
  absl::Status RestoreState(absl::string_view state) override { return state_.Restore(state); }

 private:
  FoldedState state_;
};

}  // namespace

std::unique_ptr<Observer> MakeStaticMinmax(const ObserverOptions& options) {
  return std::make_unique<StaticMinmax>(options);
}

}  // namespace calipers
