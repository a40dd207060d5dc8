#define _GNU_SOURCE
#include "cadenza_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int termination_descriptor = -1;
static int hangup_descriptor = -1;

// Only async-signal-safe calls, and errno as it was (signal-safety(7)).
static void note(int signal) {
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(signal == SIGHUP ? hangup_descriptor : termination_descriptor, &one, sizeof one);
    (void)written;
    errno = saved;
}

static int handle(int signal, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    return sigaction(signal, &action, NULL);
}

int cadenza_catch_termination(void) {
    termination_descriptor = eventfd(0, EFD_CLOEXEC);
    if (termination_descriptor < 0) return -1;
    if (handle(SIGTERM, note) != 0 || handle(SIGINT, note) != 0 || handle(SIGPIPE, SIG_IGN) != 0) return -1;
    return termination_descriptor;
}

int cadenza_catch_hangup(void) {
    hangup_descriptor = eventfd(0, EFD_CLOEXEC);
    if (hangup_descriptor < 0 || handle(SIGHUP, note) != 0) return -1;
    return hangup_descriptor;
}
