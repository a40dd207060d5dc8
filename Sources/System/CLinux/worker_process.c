#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "CLinux.h"

enum { PIPE_BYTES_WANTED = 1 << 20 };

int cadenza_worker_pipe(int *reading_end, int *writing_end) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) { return errno; }
    // Only a larger buffer: where the system grants none, the pipe works as it is.
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES_WANTED);
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        const int failure = errno;
        close(ends[0]);
        close(ends[1]);
        return failure;
    }
    *reading_end = ends[0];
    *writing_end = ends[1];
    return 0;
}

static int spawn_with(const char *path, char *const *arguments, char *const *environment, int input,
                      int output, pid_t *process) {
    posix_spawn_file_actions_t actions;
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0) { return status; }
    posix_spawnattr_t attributes;
    status = posix_spawnattr_init(&attributes);
    if (status == 0) {
        sigset_t none, all;
        sigemptyset(&none);
        sigfillset(&all);
        (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void)posix_spawnattr_setsigmask(&attributes, &none);
        (void)posix_spawnattr_setsigdefault(&attributes, &all);
        status = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
        if (status == 0) { status = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO); }
        if (status == 0) {
            status = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        }
        if (status == 0) { status = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1); }
        if (status == 0) {
            status = posix_spawn(process, path, &actions, &attributes, arguments, environment);
        }
        (void)posix_spawnattr_destroy(&attributes);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return status;
}

int cadenza_worker_spawn(const char *path, char *const *arguments, char *const *environment, int input,
                         int output, pid_t *process) {
    // Copies above the standard descriptors, so that one dup2 in the child never overwrites the other's source.
    const int own_input = fcntl(input, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (own_input < 0) { return errno; }
    const int own_output = fcntl(output, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (own_output < 0) {
        const int failure = errno;
        close(own_input);
        return failure;
    }
    const int status = spawn_with(path, arguments, environment, own_input, own_output, process);
    close(own_input);
    close(own_output);
    return status;
}

static int limit(int resource, rlim_t soft, rlim_t hard) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) != 0) { return errno; }
    if (hard > now.rlim_max) { hard = now.rlim_max; }
    if (soft > hard) { soft = hard; }
    const struct rlimit wanted = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit((__rlimit_resource_t)resource, &wanted) == 0 ? 0 : errno;
}

int cadenza_worker_confine(long long memory_bytes, long long cpu_seconds) {
    if (memory_bytes <= 0 || cpu_seconds <= 0) { return EINVAL; }
    const rlim_t memory = (rlim_t)memory_bytes, seconds = (rlim_t)cpu_seconds;
    int status = close_range(STDERR_FILENO + 1, ~0U, 0) == 0 ? 0 : errno;
    if (status == 0) { status = limit(RLIMIT_CORE, 0, 0); }
    if (status == 0) { status = limit(RLIMIT_FSIZE, 0, 0); }
    if (status == 0) { status = limit(RLIMIT_NOFILE, STDERR_FILENO + 1, STDERR_FILENO + 1); }
    if (status == 0) { status = limit(RLIMIT_AS, memory, memory); }
    // The soft limit's SIGXCPU ends the process by name; the hard one's SIGKILL is the net below.
    if (status == 0) { status = limit(RLIMIT_CPU, seconds, seconds + 1); }
    if (status == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) { status = errno; }
    if (status == 0) { status = cadenza_seccomp_descriptors_only(); }
    return status;
}
