import Core
import Glibc
import Synchronization

/// A progress bar on a terminal's standard error; elsewhere a line for each tenth.
final class ProgressLine: Sendable {
    private static let width = 32
    private static let redrawNanoseconds: UInt64 = 50_000_000

    private struct State {
        var label = ""
        var tenth = -1
        var drawnAt: UInt64 = 0
        var isOpen = false
    }

    private let state = Mutex(State())
    private let isTerminal: Bool
    private let isQuiet: Bool

    init(isQuiet: Bool = false) {
        self.isQuiet = isQuiet
        isTerminal = isatty(STDERR_FILENO) == 1
    }

    /// Shows that `fraction` (0...1) of `label` is done.
    func show(_ fraction: Double, _ label: String) {
        guard !isQuiet else { return }
        state.withLock { state in
            if isTerminal { draw(fraction, label, &state) } else { list(fraction, label, &state) }
        }
    }

    /// Ends the bar's line, so that other output starts on its own.
    func end() {
        state.withLock { state in
            if state.isOpen { Self.write("\n") }
            state.isOpen = false
        }
    }

    private func draw(_ fraction: Double, _ label: String, _ state: inout State) {
        let now = monotonicNanoseconds()
        guard fraction >= 1 || label != state.label || now > state.drawnAt + Self.redrawNanoseconds else { return }
        state.drawnAt = now
        state.label = label
        state.isOpen = true
        let filled = Int(min(1, max(0, fraction)) * Double(Self.width))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: Self.width - filled)
        let percent = String(Int(fraction * 100))
        let padding = String(repeating: " ", count: max(0, 4 - percent.count))
        Self.write("\r\u{1B}[K\(bar)\(padding)\(percent) %  \(label)")
    }

    private func list(_ fraction: Double, _ label: String, _ state: inout State) {
        let tenth = Int(fraction * 10)
        guard label != state.label || tenth > state.tenth else { return }
        state.label = label
        state.tenth = tenth
        Self.write("\(label) \(tenth * 10) %\n")
    }

    private static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
    }
}
