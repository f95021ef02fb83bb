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

/// A session in a run file: what it was created with, and its series, which lies in the
/// mapped file. Made by RunFile::Open, which checks that the parts fit each other.
class RunFileSession {
 public:
  /// {module}/{base_name}
  const std::string& id() const { return id_; }
  /// Spec, create_time, seal, dtype and qparam_shape; it has no name.
  const v1::Session& session() const { return session_; }
  /// Records.
  std::int64_t size() const { return static_cast<std::int64_t>(has_values_.size()); }
  /// True if the values of some records were dropped: these cannot be sent again.
  bool HasDropped() const;
  /// True if some record has its values, so that qparam_shape is that of min and max; it
  /// may have no dimension.
  bool HasValues() const { return !values_[0].empty(); }

 private:
  friend class RunFileCursor;
  friend class RunFileSessionParser;

  std::string id_;
  v1::Session session_;
  std::vector<std::string> workers_;
  std::string dtype_;
  Int64Column index_, num_observations_, worker_, rank_, shape_;
  absl::Span<const std::byte> digest_, has_values_;
  // min, max, global_min, global_max, of the records that have values; and what one of
  // them takes.
  std::array<absl::Span<const std::byte>, 4> values_;
  std::array<std::size_t, 4> value_bytes_ = {};
  // Of the records that have values: one behind the other, and where each ends.
  struct StatisticColumns {
    std::string name;
    absl::Span<const std::byte> values;
    Int64Column ends;
  };
  std::vector<StatisticColumns> statistics_;
};

/// Goes through a session's records in the order of their indices. The session and its
/// file must outlive it. Not thread-safe.
class RunFileCursor {
 public:
  explicit RunFileCursor(const RunFileSession* session) : session_(session) {}

  bool done() const { return at_ == session_->size(); }
  /// The index of the next record; done() must be false.
  std::int64_t index() const;
  /// The next record, of a session without a name; done() must be false.
  v1::SeriesRecord Next();

 private:
  const RunFileSession* session_;
  std::int64_t at_ = 0;
  // Of what is behind: dimensions, and records with values.
  std::int64_t dimensions_ = 0;
  std::int64_t with_values_ = 0;
};

}  // namespace calipers::client

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_SESSION_H_
