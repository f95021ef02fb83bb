#ifndef CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_
#define CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_

namespace calipers::server {

/// Makes malloc keep the memory of a message for the next message. By default glibc returns free
/// memory at the end of a heap to the system. A stream of messages of one megabyte each then needs
/// new pages for every message. The setting is for the whole process; call this before threads
/// exist. Up to 64 MiB of each heap stay resident.
void KeepFreedMemory();

}  // namespace calipers::server

#endif  // CALIPERS_SERVER_BASE_MALLOC_SETTINGS_H_
