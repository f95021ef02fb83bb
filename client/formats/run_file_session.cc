#include "client/formats/run_file_session.h"

#include <algorithm>

#include "client/formats/record_from_proto.h"
#include "client/formats/run_file_format.h"

namespace calipers::client {
namespace {

namespace names = run_file;

std::string Row(absl::Span<const std::byte> rows, std::size_t bytes, std::int64_t i) {
  const auto row = rows.subspan(bytes * static_cast<std::size_t>(i), bytes);
  return {reinterpret_cast<const char*>(row.data()), row.size()};
}

}  // namespace

bool RunFileSession::HasDropped() const {
  const bool all = std::all_of(has_values_.begin(), has_values_.end(),
                               [](std::byte has) { return has != std::byte{0}; });
  if (all) return false;
  for (RunFileCursor cursor(this); !cursor.done();) {
    if (IsDropped(cursor.Next())) return true;
  }
  return false;
}

std::int64_t RunFileCursor::index() const { return session_->index_[at_]; }

v1::SeriesRecord RunFileCursor::Next() {
  v1::SeriesRecord record;
  v1::ReducedObservation& observation = *record.mutable_observation();
  v1::ObservationHeader& header = *observation.mutable_header();
  header.set_index(index());
  header.set_dtype(session_->dtype_);
  header.set_num_observations(session_->num_observations_[at_]);
  for (std::int64_t i = session_->rank_[at_]; i > 0; --i) {
    header.add_shape(session_->shape_[dimensions_++]);
  }
  record.set_digest(Row(session_->digest_, names::kDigestBytes, at_));
  record.set_worker(session_->workers_[static_cast<std::size_t>(session_->worker_[at_])]);
  if (session_->has_values_[static_cast<std::size_t>(at_)] != std::byte{0}) {
    const auto row = [this](std::size_t column) {
      return Row(session_->values_[column], session_->value_bytes_[column], with_values_);
    };
    observation.set_min(row(0));
    observation.set_max(row(1));
    observation.set_global_min(row(2));
    observation.set_global_max(row(3));
    for (const auto& [name, values, ends] : session_->statistics_) {
      const auto begin = static_cast<std::size_t>(with_values_ == 0 ? 0 : ends[with_values_ - 1]);
      const auto end = static_cast<std::size_t>(ends[with_values_]);
      v1::Statistic& statistic = *observation.add_statistics();
      statistic.set_name(name);
      statistic.set_value(Row(values.subspan(begin), end - begin, 0));
    }
    ++with_values_;
  }
  ++at_;
  return record;
}

}  // namespace calipers::client
