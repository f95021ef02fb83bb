#include "client/cli/commands/range_text.h"

#include "client/formats/number_format.h"

namespace calipers::client {

std::string OneNumber(const v1::Tensor& tensor) {
  const Elements elements = ToElements(tensor);
  return elements.size() == 1 ? NumberText(elements, 0) : "-";
}

nlohmann::ordered_json RangeJson(const v1::Range& range) {
  return {{"min", ToJson(range.min())}, {"max", ToJson(range.max())}};
}

}  // namespace calipers::client
