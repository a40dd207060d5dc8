import CFuzzer
import FuzzInvariants
import Glibc

// cadenza-fuzz TARGET seeds FOLDER        writes the target's seeds into the folder
// cadenza-fuzz TARGET [libFuzzer's own]   runs until it is told to stop, or an invariant does not hold

// SAFETY: set once, before libFuzzer's only thread reads it.
nonisolated(unsafe) var chosen: FuzzTarget?

guard CommandLine.arguments.count > 1, let target = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
    let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: " ")
    let usage = Array("usage: cadenza-fuzz TARGET …, where TARGET is one of: \(names)\n".utf8)
    write(STDERR_FILENO, usage, usage.count)
    exit(2)
}
chosen = target

if CommandLine.arguments.count == 4, CommandLine.arguments[2] == "seeds" {
    for (index, seed) in target.seeds.enumerated() {
        guard let file = fopen("\(CommandLine.arguments[3])/seed-\(index)", "w") else { exit(1) }
        fwrite(seed, 1, seed.count, file)
        fclose(file)
    }
    exit(0)
}

// libFuzzer sees the arguments without the target's name.
let arguments = CommandLine.unsafeArgv
// SAFETY: argv has `argc` entries, of which the second is passed over.
arguments[1] = arguments[0]
let status = cadenza_fuzz_run(CommandLine.argc - 1, arguments + 1) { bytes, count in
    // SAFETY: libFuzzer owns the bytes for the time of the call.
    let input = Array(UnsafeBufferPointer(start: bytes, count: count))
    if let fault = chosen?.fault(in: input) { fatalError(fault) }
    return 0
}
exit(status)
