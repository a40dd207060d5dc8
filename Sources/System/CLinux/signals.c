#define _GNU_SOURCE
#include "cadenza_signals.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int termination_descriptor = -1;

// Only async-signal-safe calls, and errno as it was (signal-safety(7)).
static void note_termination(int signal) {
    (void)signal;
    int saved = errno;
    uint64_t one = 1;
    ssize_t written = write(termination_descriptor, &one, sizeof one);
    (void)written;
    errno = saved;
}

int cadenza_catch_termination(void) {
    termination_descriptor = eventfd(0, EFD_CLOEXEC);
    if (termination_descriptor < 0) return -1;
    struct sigaction action = {.sa_handler = note_termination, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    if (sigaction(SIGTERM, &action, NULL) != 0 || sigaction(SIGINT, &action, NULL) != 0 ||
        sigaction(SIGPIPE, &ignore, NULL) != 0) {
        return -1;
    }
    return termination_descriptor;
}
