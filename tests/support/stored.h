#ifndef CALIPERS_TESTS_SUPPORT_STORED_H_
#define CALIPERS_TESTS_SUPPORT_STORED_H_

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/model/series_record.h"
#include "server/storage/store.h"
#include "tests/support/records.h"
#include "tests/support/status_matchers.h"

namespace calipers::testing {

/// The identity of the session `runs/{run}/sessions/{session_id}`.
inline std::shared_ptr<const server::SessionIdentity> MakeIdentity(
    const std::string& run, const std::string& session_id = "layer/input") {
  server::SessionSpec spec;
  spec.args = *ResolveQuantizationArgs({});
  return std::make_shared<const server::SessionIdentity>(server::SessionIdentity{
      *server::SessionName::Parse("runs/" + run + "/sessions/" + session_id), spec,
      absl::FromUnixMillis(1'700'000'000'123)});
}

/// The record of a tensor with eight elements from `value` to `value` + 1.
inline std::shared_ptr<const server::SeriesRecord> MakeObserved(double value,
                                                                const std::string& worker = "w0") {
  return server::SeriesRecord::Make(*MakeRecord(value, value + 1), {2, 4},
                                    std::make_shared<const std::string>(worker));
}

/// The record MakeObserved(`value`), to be put into a series.
inline server::NewRecord MakeNew(server::SeriesId series, std::optional<server::BatchIndex> index,
                                 double value) {
  return {series, index, MakeObserved(value), {1}};
}

/// Puts the record MakeObserved(`value`).
inline server::PutResult PutOne(server::Store& store, server::SeriesId series,
                                std::optional<server::BatchIndex> index, double value) {
  const server::NewRecord record = MakeNew(series, index, value);
  return store.PutIfAbsent({&record, 1}).at(0);
}

/// The remaining records of the reader, by index. Checks that the indices ascend.
inline std::map<server::BatchIndex, std::shared_ptr<const server::SeriesRecord>> Drain(
    server::SeriesReader& reader) {
  std::map<server::BatchIndex, std::shared_ptr<const server::SeriesRecord>> records;
  server::SeriesReader::Entry entry;
  while (true) {
    const absl::StatusOr<bool> more = reader.Next(entry);
    EXPECT_OK(more);
    if (!more.ok() || !*more) return records;
    EXPECT_TRUE(records.empty() || entry.index > records.rbegin()->first);
    records.emplace(entry.index, entry.observed);
  }
}

/// The records from index `from` on.
inline std::map<server::BatchIndex, std::shared_ptr<const server::SeriesRecord>> ReadSeries(
    server::Store& store, server::SeriesId series, server::BatchIndex from = 0) {
  const auto reader = store.Read(series, from);
  EXPECT_OK(reader);
  if (!reader.ok()) return {};
  return Drain(**reader);
}

/// The indices of the records from index `from` on.
inline std::vector<server::BatchIndex> IndicesOf(server::Store& store, server::SeriesId series,
                                                 server::BatchIndex from = 0) {
  std::vector<server::BatchIndex> indices;
  for (const auto& [index, observed] : ReadSeries(store, series, from)) indices.push_back(index);
  return indices;
}

/// The stored sessions, by full name.
inline std::map<std::string, server::StoredSession> SessionsOf(server::Store& store) {
  std::map<std::string, server::StoredSession> sessions;
  EXPECT_OK(store.ForEachSession([&](server::StoredSession session) {
    const std::string name = session.identity->name.full();
    EXPECT_TRUE(sessions.emplace(name, std::move(session)).second) << name;
  }));
  return sessions;
}

/// True if both are the same record.
inline bool Same(const server::SeriesRecord& a, const server::SeriesRecord& b) {
  return a.record == b.record && a.digest == b.digest && a.shape == b.shape &&
         *a.worker == *b.worker && a.dropped == b.dropped;
}

}  // namespace calipers::testing

#endif  // CALIPERS_TESTS_SUPPORT_STORED_H_
