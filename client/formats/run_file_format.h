#ifndef CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_
#define CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_

namespace calipers::client::run_file {

// The names of docs/run-file.md. They are on disk: they must not change within a version.

// In the file's metadata.
inline constexpr char kFormat[] = "format";
inline constexpr char kFormatName[] = "calipers-run";
inline constexpr char kVersion[] = "version";
inline constexpr char kVersionNumber[] = "1";
inline constexpr char kRun[] = "run";

// In the metadata of a session.
inline constexpr char kSession[] = "session";
inline constexpr char kWorkers[] = "workers";
inline constexpr char kAnswer[] = "answer";
inline constexpr char kNoAnswer[] = "no_answer";

// Tensors of a session, behind its name and a slash.
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
// Followed by a slash and the name of a statistic; the second also by a slash and kEnd.
inline constexpr char kStatistics[] = "statistics";
inline constexpr char kEnd[] = "end";
inline constexpr char kRangeMin[] = "range_min";
inline constexpr char kRangeMax[] = "range_max";

inline constexpr int kDigestBytes = 16;

}  // namespace calipers::client::run_file

#endif  // CALIPERS_CLIENT_FORMATS_RUN_FILE_FORMAT_H_
