@preconcurrency internal import Glibc

/// What this process was started with.
enum ProcessSurroundings {
    static func environment() -> [String: String] {
        var values: [String: String] = [:]
        // SAFETY: read at start-up, before any thread could change the environment; the array ends in a null.
        var cursor = environ
        while let entry = cursor.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                values[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            cursor += 1
        }
        return values
    }

    static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}

/// A small text file, read whole.
enum TextFile {
    struct Fault: Error { let message: String }

    static func read(_ path: String, bytesMax: Int) -> Result<String, Fault> {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(Fault(message: String(cString: strerror(errno)))) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(Fault(message: String(cString: strerror(errno)))) }
            if count == 0 { break }
            content += chunk[..<count]
            guard content.count <= bytesMax else {
                return .failure(Fault(message: "the file is larger than \(bytesMax) bytes"))
            }
        }
        guard let text = String(validating: content, as: UTF8.self) else {
            return .failure(Fault(message: "the file is not UTF-8"))
        }
        return .success(text)
    }
}
