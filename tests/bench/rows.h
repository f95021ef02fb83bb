#ifndef CALIPERS_TESTS_BENCH_ROWS_H_
#define CALIPERS_TESTS_BENCH_ROWS_H_

#include <cstddef>
#include <vector>

#include "tests/bench/row.h"
#include "tests/bench/server_pair.h"

namespace calipers::bench {

inline constexpr std::size_t kKiB = 1024;

/// How often a row is measured, where it is by turns of the two servers.
using Rounds = int;

/// Tensors and reduced records over one stream, unpinned and pinned.
std::vector<RowMaker> IngestRows(const Programs& programs, Rounds rounds);
/// GetMinMax beside an echo: idle, after silence, under ingest.
std::vector<RowMaker> QueryRows(const Programs& programs, Rounds rounds);
/// Scales and zero points of many sessions in one call.
std::vector<RowMaker> QParamsRows(const Programs& programs, Rounds rounds);
/// Cost as sessions, workers and tensors grow.
std::vector<RowMaker> GrowthRows(const Programs& programs, Rounds rounds);
/// Tensors and records to servers that keep them, beside one that keeps nothing.
std::vector<RowMaker> DurableIngestRows(const Programs& programs, Rounds rounds);
/// How long a start takes that finds data.
std::vector<RowMaker> RestartRows(const Programs& programs, Rounds rounds);
/// What a record takes on the disk.
std::vector<RowMaker> DiskRows(const Programs& programs);

}  // namespace calipers::bench

#endif  // CALIPERS_TESTS_BENCH_ROWS_H_
