#ifndef CALIPERS_TESTS_SUPPORT_ADD_RECORD_H_
#define CALIPERS_TESTS_SUPPORT_ADD_RECORD_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/model/observation_header.h"
#include "server/model/series_record.h"
#include "server/session/session.h"
#include "server/storage/store.h"

namespace calipers::testing {

/// The qparam shape of one parameter.
inline const std::vector<std::int64_t> kOne = {1};

/// Puts a record that was reduced in a view of this qparam shape into the session, as a stream
/// does. Returns the acknowledgement.
inline server::Ack AddRecord(server::Store& store, server::Session& session,
                             std::optional<server::BatchIndex> index,
                             const std::vector<std::int64_t>& qparam_shape,
                             const std::shared_ptr<const Record>& record,
                             const std::string& worker) {
  const auto rejected = [&](const absl::Status& status) {
    return server::Ack{
        .index = index.value_or(-1), .outcome = server::Outcome::kRejected, .status = status};
  };
  if (const absl::Status allowed = session.CheckPolicy(*record); !allowed.ok()) {
    return rejected(allowed);
  }
  const absl::StatusOr<server::SeriesId> series = session.CurrentSeries();
  if (!series.ok()) return rejected(series.status());
  const auto observed = server::SeriesRecord::Make(*record, qparam_shape,
                                                   std::make_shared<const std::string>(worker));
  const server::NewRecord added{*series, index, observed, server::ToShape(qparam_shape)};
  return session.Acknowledge(*series, store.PutIfAbsent({&added, 1}).at(0));
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_ADD_RECORD_H_
