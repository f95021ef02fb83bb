#ifndef CALIPERS_TESTS_SUPPORT_RECORDS_H_
#define CALIPERS_TESTS_SUPPORT_RECORDS_H_

#include <memory>
#include <vector>

#include "core/reduce/record.h"
#include "core/tensor/element.h"

namespace calipers::testing {

/// A float32 record of one parameter.
inline std::shared_ptr<const Record> MakeRecord(double min, double max,
                                                std::int64_t num_observations = 1) {
  std::vector<std::byte> low(4);
  std::vector<std::byte> high(4);
  StoreElement(Dtype::kF32, min, low.data());
  StoreElement(Dtype::kF32, max, high.data());
  return std::make_shared<const Record>(
      *Record::Make(Dtype::kF32, num_observations, low, high, low, high));
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_RECORDS_H_
