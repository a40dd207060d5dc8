#include <errno.h>

#include "CLinux.h"
#include "cadenza_seccomp.h"

int cadenza_seccomp_descriptors_only(void) { return ENOSYS; }
