import ArgumentParser

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure this build on this machine.",
        subcommands: [BenchSeparation.self, BenchQueue.self, BenchSubmission.self])
}
