#ifndef CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_
#define CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_

#include "absl/status/statusor.h"
#include "calipers/v1/observation.pb.h"
#include "core/reduce/record.h"

namespace calipers::client {

/// True if the observation held no element: it has no values, and is whole without.
bool IsEmpty(const v1::SeriesRecord& record);

/// True if the record's values were dropped after they were folded: only its digest says
/// what they were.
bool IsDropped(const v1::SeriesRecord& record);

/// The record as the core has it. INVALID_ARGUMENT if it is dropped, or none.
absl::StatusOr<Record> ToRecord(const v1::SeriesRecord& record);

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RECORD_FROM_PROTO_H_
