#pragma once

/// Leaves the calling thread only the system calls that decoding from open descriptors needs: a call that
/// opens, creates, connects, forks or executes answers EPERM; an unknown one does too.
/// Returns 0, or the errno of the call that failed. Irreversible; inherited by threads made later.
__attribute__((warn_unused_result)) int cadenza_seccomp_descriptors_only(void);
