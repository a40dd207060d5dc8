#pragma once
#include <stddef.h>
#include <stdint.h>

typedef int (*cadenza_fuzz_body)(const uint8_t *bytes, size_t count);

// Runs libFuzzer over `body` with its own arguments. Returns its exit status, unless a crash ends the process.
int cadenza_fuzz_run(int argument_count, char **arguments, cadenza_fuzz_body body);
