#include "core/fold/folded_state.h"
#include "core/fold/moving_average.h"
#include "core/fold/observers/factories.h"

namespace calipers {
namespace {

// The moving average of the records' ranges.
class Minmax final : public Observer {
 public:
  explicit Minmax(const ObserverOptions& options) : options_(options), state_(options.arithmetic) {}

  void Add(const Record& record) override {
    if (record.empty()) return;
    state_.Average(record, WeightOf(options_.weighting, options_.averaging_constant,
                                    record.num_observations()));
  }
  bool empty() const override { return state_.empty(); }
  FoldedRange Answer() const override { return state_.Answer(); }
  std::unique_ptr<Observer> Clone() const override { return std::make_unique<Minmax>(*this); }
  std::string SaveState() const override { return state_.Save(); }
  absl::Status RestoreState(absl::string_view state) override { return state_.Restore(state); }

 private:
  ObserverOptions options_;
  FoldedState state_;
};

}  // namespace

std::unique_ptr<Observer> MakeMinmax(const ObserverOptions& options) {
  return std::make_unique<Minmax>(options);
}

}  // namespace calipers
