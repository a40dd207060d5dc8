#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

const int cadenza_sock_nonblock_cloexec = SOCK_NONBLOCK | SOCK_CLOEXEC;

int cadenza_accept(int listener, struct sockaddr *address, unsigned int *address_length) {
    return accept4(listener, address, address_length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int cadenza_unacknowledged_bytes(int socket) {
    int count = 0;
    return ioctl(socket, SIOCOUTQ, &count) == 0 ? count : 0;
}

void cadenza_name_this_thread(const char *name) {
    char kept[16];
    snprintf(kept, sizeof kept, "%s", name);
    pthread_setname_np(pthread_self(), kept);
}

int cadenza_renice_this_thread(int niceness) {
    // On Linux, PRIO_PROCESS with who = 0 means the calling thread alone.
    return setpriority(PRIO_PROCESS, 0, niceness) == 0 ? 0 : errno;
}

int cadenza_processor_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

void cadenza_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    // A refusal leaves the soft limit, and with it the accept back-off.
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}
