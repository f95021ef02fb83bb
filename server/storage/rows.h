#ifndef CALIPERS_SERVER_STORAGE_ROWS_H_
#define CALIPERS_SERVER_STORAGE_ROWS_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"
#include "server/model/coverage.h"
#include "server/model/series_facts.h"
#include "server/model/series_record.h"
#include "server/storage/store.h"

namespace calipers::storage::v1 {
class ObservedRow;
}  // namespace calipers::storage::v1

namespace calipers::server {

// Conversions between the messages of rows.proto and the server's types. Decoding malformed bytes
// gives DATA_LOSS, with the reason.

/// Appends the encoded record to `row`. `scratch` is reused for many records, which saves a new
/// message for each.
void EncodeObserved(const SeriesRecord& observed, storage::v1::ObservedRow& scratch,
                    std::string& row);
/// Decodes many records. Compares the values of each with its digest, unless they were dropped.
class SeriesRecordDecoder {
 public:
  SeriesRecordDecoder();
  ~SeriesRecordDecoder();

  absl::StatusOr<std::shared_ptr<const SeriesRecord>> Decode(absl::string_view row);

 private:
  // Reused, which saves a new message for each record.
  const std::unique_ptr<storage::v1::ObservedRow> scratch_;
  // The worker of the last record. The next record often has the same.
  std::shared_ptr<const std::string> worker_;
};
/// Decodes one record.
absl::StatusOr<std::shared_ptr<const SeriesRecord>> DecodeObserved(absl::string_view row);
/// Decodes only the digest of a record.
absl::StatusOr<Digest> DecodeDigest(absl::string_view row);

std::string EncodeSession(const StoredSession& session);
absl::StatusOr<StoredSession> DecodeSession(absl::string_view row);

std::string EncodeCheckpoint(const Checkpoint& checkpoint);
absl::StatusOr<Checkpoint> DecodeCheckpoint(absl::string_view row);

/// The facts without conflict_count, sealed_count and problem, which are not in the row.
std::string EncodeFacts(const SeriesFacts& facts);
absl::StatusOr<SeriesFacts> DecodeFacts(absl::string_view row);

/// The fold and the counts of a prefix of a series.
struct SeriesState {
  std::string observer_state;
  /// The states of the statistics' folds.
  std::vector<StatisticValue> statistics = {};
  std::shared_ptr<const SeriesRecord> last;
  /// The dtype and the qparam shape; absent if every record is empty.
  std::optional<Dtype> dtype;
  std::optional<std::vector<std::int64_t>> qparam_shape;
  SeriesCoverage coverage;
};
std::string EncodeState(const SeriesState& state);
absl::StatusOr<SeriesState> DecodeState(absl::string_view row);

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_STORAGE_ROWS_H_
