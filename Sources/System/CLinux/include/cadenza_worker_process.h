#pragma once
#include <sys/types.h>

/// A close-on-exec pipe, as large as the system grants up to 1 MiB; its reading end does not block.
/// 0 or errno; the ends are the caller's.
__attribute__((warn_unused_result)) int cadenza_worker_pipe(int *reading_end, int *writing_end);

/// posix_spawn(3) of `path` with `input` as descriptor 0, `output` as 1, /dev/null as 2 and no other; every
/// signal unblocked and at its default. `input` and `output` stay the caller's. 0 or errno.
__attribute__((warn_unused_result)) int cadenza_worker_spawn(const char *path, char *const *arguments,
                                                             char *const *environment, int input, int output,
                                                             pid_t *process);

/// For the calling process, for good: closes every descriptor above 2, allows no core, no new file, no growth
/// of files, `memory_bytes` of address space and `cpu_seconds` of processor time, and leaves it the calls of
/// cadenza_seccomp_descriptors_only. 0 or errno; after an error the process must end.
__attribute__((warn_unused_result)) int cadenza_worker_confine(long long memory_bytes, long long cpu_seconds);
