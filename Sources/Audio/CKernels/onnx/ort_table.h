#pragma once
#include <stddef.h>
#include <stdint.h>

// The members of ONNX Runtime's C function table that we call. The table is append-only, so a member's index never
// changes. What each call does is documented by the project (onnxruntime_c_api); a NULL OrtStatus means success.

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorInfo OrtTensorInfo;

enum { ORT_NO_SUCH_FILE = 3 };
enum { ORT_DEVICE_ALLOCATOR = 0, ORT_MEMORY_DEFAULT = 0 };
enum { ORT_SEQUENTIAL = 0, ORT_PARALLEL = 1 };

typedef void (*OrtLog)(
    void *context, int severity, const char *category, const char *log, const char *where, const char *message);

typedef struct OrtApiBase {
    const void *const *(*GetApi)(uint32_t version);
    const char *(*GetVersionString)(void);
} OrtApiBase;

#define ORT_MEMBERS(X)                                                                                              \
    X(1, int, GetErrorCode, (const OrtStatus *))                                                                    \
    X(2, const char *, GetErrorMessage, (const OrtStatus *))                                                        \
    X(4, OrtStatus *, CreateEnvWithCustomLogger, (OrtLog, void *, int, const char *, OrtEnv **))                    \
    X(7, OrtStatus *, CreateSession, (const OrtEnv *, const char *, const OrtSessionOptions *, OrtSession **))      \
    X(8, OrtStatus *, CreateSessionFromArray,                                                                       \
      (const OrtEnv *, const void *, size_t, const OrtSessionOptions *, OrtSession **))                             \
    X(9, OrtStatus *, Run,                                                                                          \
      (OrtSession *, const OrtRunOptions *, const char *const *, const OrtValue *const *, size_t,                   \
       const char *const *, size_t, OrtValue **))                                                                   \
    X(10, OrtStatus *, CreateSessionOptions, (OrtSessionOptions **))                                                \
    X(13, OrtStatus *, SetSessionExecutionMode, (OrtSessionOptions *, int))                                         \
    X(17, OrtStatus *, DisableMemPattern, (OrtSessionOptions *))                                                    \
    X(19, OrtStatus *, DisableCpuMemArena, (OrtSessionOptions *))                                                   \
    X(22, OrtStatus *, SetSessionLogSeverityLevel, (OrtSessionOptions *, int))                                      \
    X(23, OrtStatus *, SetSessionGraphOptimizationLevel, (OrtSessionOptions *, int))                                \
    X(24, OrtStatus *, SetIntraOpNumThreads, (OrtSessionOptions *, int))                                            \
    X(25, OrtStatus *, SetInterOpNumThreads, (OrtSessionOptions *, int))                                            \
    X(30, OrtStatus *, SessionGetInputCount, (const OrtSession *, size_t *))                                        \
    X(31, OrtStatus *, SessionGetOutputCount, (const OrtSession *, size_t *))                                       \
    X(33, OrtStatus *, SessionGetInputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **))                       \
    X(34, OrtStatus *, SessionGetOutputTypeInfo, (const OrtSession *, size_t, OrtTypeInfo **))                      \
    X(36, OrtStatus *, SessionGetInputName, (const OrtSession *, size_t, OrtAllocator *, char **))                  \
    X(37, OrtStatus *, SessionGetOutputName, (const OrtSession *, size_t, OrtAllocator *, char **))                 \
    X(39, OrtStatus *, CreateRunOptions, (OrtRunOptions **))                                                        \
    X(46, OrtStatus *, RunOptionsSetTerminate, (OrtRunOptions *))                                                   \
    X(49, OrtStatus *, CreateTensorWithDataAsOrtValue,                                                              \
      (const OrtMemoryInfo *, void *, size_t, const int64_t *, size_t, int, OrtValue **))                           \
    X(55, OrtStatus *, CastTypeInfoToTensorInfo, (const OrtTypeInfo *, const OrtTensorInfo **))                     \
    X(60, OrtStatus *, GetTensorElementType, (const OrtTensorInfo *, int *))                                        \
    X(61, OrtStatus *, GetDimensionsCount, (const OrtTensorInfo *, size_t *))                                       \
    X(62, OrtStatus *, GetDimensions, (const OrtTensorInfo *, int64_t *, size_t))                                   \
    X(69, OrtStatus *, CreateCpuMemoryInfo, (int, int, OrtMemoryInfo **))                                           \
    X(76, OrtStatus *, AllocatorFree, (OrtAllocator *, void *))                                                     \
    X(78, OrtStatus *, GetAllocatorWithDefaultOptions, (OrtAllocator **))                                           \
    X(92, void, ReleaseEnv, (OrtEnv *))                                                                             \
    X(93, void, ReleaseStatus, (OrtStatus *))                                                                       \
    X(94, void, ReleaseMemoryInfo, (OrtMemoryInfo *))                                                               \
    X(95, void, ReleaseSession, (OrtSession *))                                                                     \
    X(96, void, ReleaseValue, (OrtValue *))                                                                         \
    X(97, void, ReleaseRunOptions, (OrtRunOptions *))                                                               \
    X(98, void, ReleaseTypeInfo, (OrtTypeInfo *))                                                                   \
    X(100, void, ReleaseSessionOptions, (OrtSessionOptions *))                                                      \
    X(130, OrtStatus *, AddSessionConfigEntry, (OrtSessionOptions *, const char *, const char *))

/// The members by name.
typedef struct ort_table {
#define ORT_DECLARE(index, result, name, parameters) result(*name) parameters;
    ORT_MEMBERS(ORT_DECLARE)
#undef ORT_DECLARE
} ort_table;
