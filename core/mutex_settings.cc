// The object file of calipers_mutex_settings, for programs that link neither the client library
// nor the server.
#include "core/mutex_settings.h"  // IWYU pragma: keep
