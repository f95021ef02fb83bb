#ifndef CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_
#define CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_

namespace calipers::server {

/// Has malloc keep the memory of a message for the next one. By itself glibc gives what
/// is free at a heap's end back to the system: a stream of messages of a megabyte each
/// then pays for fresh pages with every one. For the whole process; to be called before
/// there are threads. Up to 64 MiB a heap stay resident for it.
void KeepFreedMemory();

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_
