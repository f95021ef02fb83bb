#ifndef CALIPERS_SERVER_MODEL_DURABILITY_H_
#define CALIPERS_SERVER_MODEL_DURABILITY_H_

namespace calipers::server {

/// The failures that an acknowledged record survives. docs/durability.md describes them in full.
enum class Durability {
  kSync,  // a loss of power: the log is synced before the acknowledgement
  kOs,    // the end of the process: the operating system has the data
  kNone,  // no failure before the next flush
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_DURABILITY_H_
