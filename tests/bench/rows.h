#ifndef CALIPERS_TESTS_BENCH_ROWS_H_
#define CALIPERS_TESTS_BENCH_ROWS_H_

#include <cstddef>
#include <vector>

#include "tests/bench/row.h"
#include "tests/bench/server_pair.h"

namespace calipers::bench {

inline constexpr std::size_t kKiB = 1024;

/// How often a row is measured, if both servers take turns.
using Rounds = int;

/// Tensors and reduced records over one stream, unpinned and pinned.
std::vector<RowMaker> IngestRows(const Programs& programs, Rounds rounds);
/// GetMinMax compared with an echo: idle, after silence, and during ingest.
std::vector<RowMaker> QueryRows(const Programs& programs, Rounds rounds);
/// Scales and zero points of many sessions in one call.
std::vector<RowMaker> QParamsRows(const Programs& programs, Rounds rounds);
/// Cost as sessions, workers and tensors grow.
std::vector<RowMaker> GrowthRows(const Programs& programs, Rounds rounds);
/// Tensors and records to servers that store them, compared with a server in memory.
std::vector<RowMaker> DurableIngestRows(const Programs& programs, Rounds rounds);
/// The duration of a server start on existing data.
std::vector<RowMaker> RestartRows(const Programs& programs, Rounds rounds);
/// Disk space of a record.
std::vector<RowMaker> DiskRows(const Programs& programs);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_ROWS_H_
