#ifndef CALIPERS_SERVER_MODEL_DURABILITY_H_
#define CALIPERS_SERVER_MODEL_DURABILITY_H_

namespace calipers::server {

/// What an acknowledged record survives; docs/durability.md says it in full.
enum class Durability {
  kSync,  // a loss of power: the log was synced before
  kOs,    // the end of the process: the operating system has it
  kNone,  // nothing before the next flush
};

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_MODEL_DURABILITY_H_
