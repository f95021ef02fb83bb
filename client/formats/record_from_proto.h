#ifndef CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_
#define CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_

#include "absl/status/statusor.h"
#include "calipers/v1/observation.pb.h"
#include "core/reduce/record.h"

namespace calipers::client {

/// True if the observed tensor had no element. The record then has no values, and is complete
/// without them.
bool IsEmpty(const v1::SeriesRecord& record);

/// True if the record's values were dropped after they were folded. Then only the digest identifies
/// them.
bool IsDropped(const v1::SeriesRecord& record);

/// Converts a record to the type of core. INVALID_ARGUMENT if its values were dropped, or if it is
/// malformed.
absl::StatusOr<Record> ToRecord(const v1::SeriesRecord& record);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_
