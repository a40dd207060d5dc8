internal import Core

/// What is fuzzed: each target says of any bytes at all whether its invariants hold for them.
///
/// The same functions run under libFuzzer for as long as one likes (`make fuzz`) and, over mutated seeds, for a moment
/// in every `make test`.
public enum FuzzTarget: String, CaseIterable, Sendable {
    /// Request parser, body decoder and connection state together.
    case connection
    case chunked
    case multipart
    case json
    /// Values of fields, queries and media types.
    case fields
    case coding
    case websocket

    /// What does not hold for these bytes, in words; `nil` if all does. The first two bytes choose how the rest is cut,
    /// and the bounds that it meets.
    public func fault(in input: [UInt8]) -> String? {
        var cuts = Cuts(seed: input.prefix(2))
        let bytes = Array(input.dropFirst(2))
        return switch self {
        case .connection: Self.connectionFault(bytes, Self.limits(of: input), &cuts)
        case .chunked: Self.chunkedFault(bytes, &cuts)
        case .multipart: Self.multipartFault(bytes, &cuts)
        case .json: Self.jsonFault(bytes, depthMax: [3, JSONParser.depthMaxDefault, .max][cuts.next(below: 3)])
        case .fields: Self.fieldsFault(bytes)
        case .coding: Self.codingFault(bytes, &cuts)
        case .websocket: Self.webSocketFault(bytes, &cuts)
        }
    }

    /// Inputs to begin with, each with the two bytes before it.
    public var seeds: [[UInt8]] { texts.map { Array("ab".utf8) + $0 } }
}

/// Cuts bytes into pieces, the same way for the same seed.
struct Cuts {
    private var state: UInt64

    init(seed: ArraySlice<UInt8>) { state = seed.reduce(0x9E37_79B9) { $0 << 8 | UInt64($1) } }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(bound))
    }

    mutating func pieces(of bytes: [UInt8]) -> [[UInt8]] {
        // Small pieces find more; one size for all finds what only regular pieces do.
        let most = [1, 2, 5, 40, 1000][next(below: 5)]
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(1 + next(below: most))
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        return pieces
    }
}
