#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK };

int cadenza_open_beneath(int folder, const char *path) {
    struct open_how how = {.flags = flags, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long opened = syscall(SYS_openat2, folder, path, &how, sizeof how);
    // A sandbox that does not know the call may answer EPERM.
    if (opened < 0 && (errno == ENOSYS || errno == EPERM)) return cadenza_open_stepwise(folder, path);
    return (int)opened;
}

int cadenza_open_stepwise(int folder, const char *path) {
    char part[NAME_MAX + 1];
    int at = folder;
    while (1) {
        const char *end = strchrnul(path, '/');
        size_t length = (size_t)(end - path);
        int opened = -1;
        if (length == 0 || length > NAME_MAX) {
            errno = length == 0 ? ENOENT : ENAMETOOLONG;
        } else {
            memcpy(part, path, length);
            part[length] = 0;
            if (strcmp(part, "..") == 0) {
                errno = EXDEV;
            } else {
                opened = openat(at, part, *end ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : flags | O_NOFOLLOW);
            }
        }
        int code = errno;
        if (at != folder) close(at);
        errno = code;
        if (opened < 0 || *end == 0) return opened;
        at = opened;
        path = end + 1;
    }
}
