import Glibc

@testable import Models

/// A folder that is gone with its owner.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/cadenza-models-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw ModelStoreError.system(call: "mkdtemp", path: "/tmp", errno: errno)
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileContent.removeTree(path) }

    func read(_ name: String) throws -> [UInt8] { try FileContent.read("\(path)/\(name)", byteCountMax: 1 << 30) }

    /// Writes a file, replacing one that is there. - Returns: its path.
    @discardableResult
    func write(_ name: String, _ content: [UInt8], mode: mode_t = 0o644) throws -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw ModelStoreError.system(call: "open", path: file, errno: errno) }
        defer { close(descriptor) }
        guard content.withUnsafeBytes({ writeAll($0, to: descriptor) }) else {
            throw ModelStoreError.system(call: "write", path: file, errno: errno)
        }
        return file
    }
}

/// A small generator (Vigna's splitmix64), so that a failing case can be made again from its seed.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
