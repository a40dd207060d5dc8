public import Media

/// What a separation is asked for.
public struct SeparationOptions: Sendable, Equatable {
    /// The catalogue's id of the model.
    public var model: String = "spleeter-2stems"
    /// The stems to write, in the model's order whatever the order here; nil: all that the model has.
    public var stems: [String]?
    /// Makes the stems add up to the mix: the model's last stem becomes the mix less the others.
    ///
    /// In float32 the sum is then off by rounding only, at most 2⁻²⁴ of the loudest stem's peak (−144 dB).
    /// Needs all stems.
    public var residual: Bool = false
    /// Share of a segment that the next one covers again, where the masks are cross-faded; nil: the model's default.
    public var overlap: Double?
    /// How many times the song is separated at shifted positions and averaged.
    public var shifts: Int = 1
    /// The format of the files.
    public var format: AudioFormat = .wav16

    public init() {}

    public static let overlapRange: ClosedRange<Double> = 0...0.5
    public static let shiftsRange: ClosedRange<Int> = 1...4

    /// Checks everything that does not depend on the model.
    ///
    /// - Throws: `EngineError.invalidOption` for the first field out of range.
    public func validate() throws(EngineError) {
        if let overlap, !(Self.overlapRange.contains(overlap)) {
            throw .invalidOption(field: "overlap", value: "\(overlap)", allowed: "0 to 0.5")
        }
        guard Self.shiftsRange.contains(shifts) else {
            throw .invalidOption(field: "shifts", value: "\(shifts)", allowed: "1 to 4")
        }
        guard let stems else { return }
        guard !stems.isEmpty else {
            throw .invalidOption(field: "stems", value: "empty", allowed: "at least one stem")
        }
        guard Set(stems).count == stems.count else {
            throw .invalidOption(field: "stems", value: stems.joined(separator: ","), allowed: "each stem once")
        }
    }

    /// The indices, among the stems that the model has, of those to write.
    ///
    /// - Throws: `EngineError.invalidOption` for a stem that the model lacks, or `residual` with some stems left out.
    public func chosenStems(of available: [String]) throws(EngineError) -> [Int] {
        guard let stems else { return Array(available.indices) }
        if let unknown = stems.first(where: { !available.contains($0) }) {
            throw .invalidOption(field: "stems", value: unknown, allowed: available.joined(separator: ", "))
        }
        guard !residual || stems.count == available.count else {
            throw .invalidOption(
                field: "residual", value: "true", allowed: "false, unless all stems are written")
        }
        return available.indices.filter { stems.contains(available[$0]) }
    }
}
