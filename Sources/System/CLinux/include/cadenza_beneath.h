#pragma once

/// Opens `path`, relative to the folder open as `folder`, for reading (O_CLOEXEC | O_NONBLOCK). Neither `..` nor a
/// symbolic link leads out of the folder (openat2(2), RESOLVE_BENEATH). -1 and errno as open(2); EXDEV for a way out.
/// Where the kernel has no openat2, as `cadenza_open_stepwise`.
int cadenza_open_beneath(int folder, const char *path);

/// The same without openat2: one openat(2) for each part of the path, none of which may be `..` or a symbolic link.
int cadenza_open_stepwise(int folder, const char *path);
