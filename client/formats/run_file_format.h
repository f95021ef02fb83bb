#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_

namespace calipers::client::run_file {

// The names in docs/run-file.md. Files contain them, so they must not change within a version.

// Keys and values of the file's metadata.
inline constexpr char kFormat[] = "format";
inline constexpr char kFormatName[] = "calipers-run";
inline constexpr char kVersion[] = "version";
inline constexpr char kVersionNumber[] = "2";
// Its answers in exact arithmetic are F32 instead of F64. Readers of records need not know.
inline constexpr char kEarlierVersion[] = "1";
inline constexpr char kRun[] = "run";

// Members of a session's metadata.
inline constexpr char kSession[] = "session";
inline constexpr char kWorkers[] = "workers";
inline constexpr char kAnswer[] = "answer";
inline constexpr char kNoAnswer[] = "no_answer";
// Also a key of the file's metadata: then every session has the member.
inline constexpr char kChecksum[] = "checksum";
inline constexpr char kChecksumKind[] = "xxh3-128";

// Tensors of a session. The full name is the session's id, a slash, and one of these.
inline constexpr char kIndex[] = "index";
inline constexpr char kNumObservations[] = "num_observations";
inline constexpr char kWorker[] = "worker";
inline constexpr char kRank[] = "rank";
inline constexpr char kShape[] = "shape";
inline constexpr char kDigest[] = "digest";
inline constexpr char kHasValues[] = "has_values";
inline constexpr char kMin[] = "min";
inline constexpr char kMax[] = "max";
inline constexpr char kGlobalMin[] = "global_min";
inline constexpr char kGlobalMax[] = "global_max";
// A statistic has two tensors: kStatistics/NAME with the values, and kStatistics/NAME/kEnd.
inline constexpr char kStatistics[] = "statistics";
inline constexpr char kEnd[] = "end";
inline constexpr char kRangeMin[] = "range_min";
inline constexpr char kRangeMax[] = "range_max";

inline constexpr int kDigestBytes = 16;

}  // namespace calipers::client::run_file

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_
