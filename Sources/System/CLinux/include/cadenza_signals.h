#pragma once

/// From now on SIGTERM and SIGINT do not kill the process: each adds one to the returned eventfd, on which a thread
/// may block in read(2). SIGPIPE is ignored. -1 and errno on failure. One call per process.
__attribute__((warn_unused_result)) int cadenza_catch_termination(void);

/// The same for SIGHUP, which then does not kill the process.
__attribute__((warn_unused_result)) int cadenza_catch_hangup(void);
