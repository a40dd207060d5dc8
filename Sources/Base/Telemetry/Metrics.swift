internal import Synchronization

/// The process's metrics, rendered as Prometheus text (exposition format 0.0.4).
///
/// Asking again for the same name and labels gives the same metric. A name used for two kinds, or one that the
/// format does not allow, traps: names are in the code, not in requests.
public final class Metrics: Sendable {
    public typealias Labels = [String: String]

    /// Label sets a name may have; further ones share one series labelled `overflow="true"`.
    public static let seriesMax = 1000

    enum Kind: String { case counter, gauge, histogram }

    private struct Family {
        let kind: Kind
        let help: String
        var series: [String: any Series] = [:]
    }
    private let families = Mutex<[String: Family]>([:])

    public init() {}

    /// A number that only grows; by convention its name ends in `_total`.
    public func counter(_ name: String, help: String, labels: Labels = [:]) -> Counter {
        series(name, .counter, help, labels) { Counter() }
    }

    /// A number that goes up and down.
    public func gauge(_ name: String, help: String, labels: Labels = [:]) -> Gauge {
        series(name, .gauge, help, labels) { Gauge() }
    }

    /// Counts of values at most each of `bounds`, which ascend; the last bucket, without bound, is implied.
    public func histogram(
        _ name: String, help: String, labels: Labels = [:], bounds: [Double] = Histogram.secondsBounds
    ) -> Histogram {
        series(name, .histogram, help, labels) { Histogram(bounds: bounds) }
    }

    /// Every metric, families and series in the order of their text.
    public func render() -> String {
        let snapshot = families.withLock { $0 }
        var text = ""
        for (name, family) in snapshot.sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(Self.escaped(family.help))\n# TYPE \(name) \(family.kind.rawValue)\n"
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
                series.render(name: name, labels: labels, to: &text)
            }
        }
        return text
    }

    private func series<Wanted: Series>(
        _ name: String, _ kind: Kind, _ help: String, _ labels: Labels, make: () -> Wanted
    ) -> Wanted {
        precondition(Self.isName(name), "not a metric name: \(name)")
        precondition(labels.keys.allSatisfy { Self.isName($0) && !$0.contains(":") }, "a bad label name in \(name)")
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: help)
            precondition(family.kind == kind, "\(name) is a \(family.kind.rawValue)")
            var key = Self.render(labels)
            if family.series[key] == nil && family.series.count >= Self.seriesMax { key = #"overflow="true""# }
            if let known = family.series[key] as? Wanted { return known }
            let made = make()
            family.series[key] = made
            families[name] = family
            return made
        }
    }

    private static func render(_ labels: Labels) -> String {
        labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(escaped($0.value, quotes: true))\"" }
            .joined(separator: ",")
    }

    private static func escaped(_ text: String, quotes: Bool = false) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func isName(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ":")
        }
    }
}

/// One line, or one histogram's lines, of the exposition.
protocol Series: AnyObject, Sendable {
    func render(name: String, labels: String, to text: inout String)
}

public final class Counter: Series {
    private let count = Atomic<Int>(0)

    public var value: Int { count.load(ordering: .relaxed) }

    public func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter only grows")
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    func render(name: String, labels: String, to text: inout String) {
        text += "\(name)\(braced(labels)) \(value)\n"
    }
}

public final class Gauge: Series {
    private let current = Atomic<Int>(0)

    public var value: Int { current.load(ordering: .relaxed) }

    public func set(_ value: Int) { current.store(value, ordering: .relaxed) }

    public func add(_ amount: Int) { current.wrappingAdd(amount, ordering: .relaxed) }

    func render(name: String, labels: String, to text: inout String) {
        text += "\(name)\(braced(labels)) \(value)\n"
    }
}

public final class Histogram: Series {
    /// From a millisecond to ten minutes: requests and jobs.
    public static let secondsBounds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]

    private struct State {
        var counts: [Int]
        var sum = 0.0
    }
    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds ascend")
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    public func observe(_ value: Double) {
        let bucket = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[bucket] += 1
            state.sum += value
        }
    }

    func render(name: String, labels: String, to text: inout String) {
        let snapshot = state.withLock { $0 }
        let separator = labels.isEmpty ? "" : ","
        var cumulative = 0
        for (index, count) in snapshot.counts.enumerated() {
            cumulative += count
            let bound = index < bounds.count ? String(bounds[index]) : "+Inf"
            text += "\(name)_bucket{\(labels)\(separator)le=\"\(bound)\"} \(cumulative)\n"
        }
        text += "\(name)_sum\(braced(labels)) \(snapshot.sum)\n\(name)_count\(braced(labels)) \(cumulative)\n"
    }
}

private func braced(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }
