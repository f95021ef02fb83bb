#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "calipers/v1/observation.pb.h"
#include "calipers/v1/session.pb.h"
#include "client/formats/int64_column.h"

namespace calipers::client {

/// A session in a run file: its spec, and its series in the mapped file. RunFile::Open makes it,
/// after it has checked that the parts agree.
class RunFileSession {
 public:
  /// {module}/{base_name}
  const std::string& id() const { return id_; }
  /// Spec, create_time, seal, dtype and qparam_shape. The name is empty.
  const v1::Session& session() const { return session_; }
  /// Number of records.
  std::int64_t size() const { return static_cast<std::int64_t>(has_values_.size()); }
  /// True if the values of some records were dropped. Such records cannot be sent again.
  bool HasDropped() const;
  /// True if at least one record has values. Then qparam_shape is the shape of min and max; it may
  /// have no dimension.
  bool HasValues() const { return !values_[0].empty(); }
  /// True if at least one record has elements, whose values may have been dropped. Otherwise the
  /// dtype means nothing.
  bool HasElements() const { return has_elements_; }

 private:
  friend class RunFileCursor;
  friend class RunFileSessionParser;

  std::string id_;
  v1::Session session_;
  std::vector<std::string> workers_;
  std::string dtype_;
  bool has_elements_ = false;
  Int64Column index_, num_observations_, worker_, rank_, shape_;
  absl::Span<const std::byte> digest_, has_values_;
  // min, max, global_min and global_max of the records that have values, and the bytes of one row
  // of each.
  std::array<absl::Span<const std::byte>, 4> values_;
  std::array<std::size_t, 4> value_bytes_ = {};
  // One statistic of the records that have values: its concatenated values, and the end of each.
  struct StatisticColumns {
    std::string name;
    absl::Span<const std::byte> values;
    Int64Column ends;
  };
  std::vector<StatisticColumns> statistics_;
};

/// Iterates over a session's records in index order. The session and its file must outlive it. Not
/// thread-safe.
class RunFileCursor {
 public:
  explicit RunFileCursor(const RunFileSession* session) : session_(session) {}

  bool done() const { return at_ == session_->size(); }
  /// The index of the next record; done() must be false.
  std::int64_t index() const;
  /// The next record. Its session name is empty. done() must be false.
  v1::SeriesRecord Next();

 private:
  const RunFileSession* session_;
  std::int64_t at_ = 0;
  // Number of dimensions, and of records with values, before the next record.
  std::int64_t dimensions_ = 0;
  std::int64_t with_values_ = 0;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_H_
