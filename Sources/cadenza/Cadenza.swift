import ArgumentParser
import Glibc

struct Cadenza: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadenza", abstract: "A self-hosted AI music studio.", version: "0.1.0",
        subcommands: [
            ServeCommand.self, MigrateCommand.self, ConfigCommand.self, AccountsCommand.self, KeysCommand.self,
            CreditsCommand.self, LedgerCommand.self, JobsCommand.self, SeparateCommand.self, ModelsCommand.self,
            BenchCommand.self,
        ])
}

@main
enum Main {
    static func main() async {
        MediaWorkerCommand.exitIfAsked()
        do {
            var command = try Cadenza.parseAsRoot(nil)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            StandardError.write("cadenza: \(failure)")
            exit(failure.status.rawValue)
        } catch {
            if let failure = CommandFailure(describing: error) {
                StandardError.write("cadenza: \(failure)")
                exit(failure.status.rawValue)
            }
            Cadenza.exit(withError: error)
        }
    }
}
