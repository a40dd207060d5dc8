import ArgumentParser

@main
struct Cadenza: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "A self-hosted AI music studio.")

    static func main() {
        MediaWorkerCommand.exitIfAsked()
        main(nil)
    }
}
