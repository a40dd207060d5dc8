#pragma once
// The kernel interfaces that Swift's Glibc module does not expose. No _GNU_SOURCE and no header that Glibc's
// module has too in another shape (sys/select.h, sys/resource.h): the two definitions would clash. What needs
// either stands behind a cadenza_ function, implemented in a .c file of this target.
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include "cadenza_beneath.h"
#include "cadenza_linux.h"
#include "cadenza_seccomp.h"
#include "cadenza_signals.h"
#include "cadenza_worker_process.h"
