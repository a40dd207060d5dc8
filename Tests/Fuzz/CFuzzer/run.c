#include "CFuzzer.h"

// The entry of libFuzzer for programs that keep their own main; it comes in with -sanitize=fuzzer.
int LLVMFuzzerRunDriver(int *argument_count, char ***arguments, cadenza_fuzz_body body);

int cadenza_fuzz_run(int argument_count, char **arguments, cadenza_fuzz_body body)
{
    return LLVMFuzzerRunDriver(&argument_count, &arguments, body);
}
