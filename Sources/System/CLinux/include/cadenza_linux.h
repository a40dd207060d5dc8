#pragma once
#include <sys/types.h>

struct sockaddr;

/// accept4(2) with SOCK_NONBLOCK | SOCK_CLOEXEC; -1 and errno as there.
int cadenza_accept(int listener, struct sockaddr *address, unsigned int *address_length);

/// SOCK_NONBLOCK | SOCK_CLOEXEC, for socket(2).
extern const int cadenza_sock_nonblock_cloexec;

/// The bytes written to a TCP socket that its peer has not acknowledged (tcp(7), SIOCOUTQ); 0 if that fails.
int cadenza_unacknowledged_bytes(int socket);

/// Names the calling thread (15 bytes are kept) for ps, top and gdb.
void cadenza_name_this_thread(const char *name);

/// Sets the calling thread's niceness; other threads keep theirs. 0 or errno.
int cadenza_renice_this_thread(int niceness);

/// The processors in the calling thread's affinity mask, at least 1.
int cadenza_processor_count(void);

/// Lets this process open as many descriptors as the hard limit allows: one a connection, and then some.
void cadenza_raise_descriptor_limit(void);
