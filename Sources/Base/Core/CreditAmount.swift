/// A positive whole number of credits: what a single movement may carry.
public struct CreditAmount: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let credits: Int64

    /// Far above any sale, far below overflow of a sum of movements.
    public static let creditsMax: Int64 = 1_000_000_000

    /// `nil` unless 1 ≤ credits ≤ `creditsMax`.
    public init?(_ credits: Int64) {
        guard credits >= 1, credits <= Self.creditsMax else { return nil }
        self.credits = credits
    }

    public var description: String { String(credits) }

    public static func < (left: CreditAmount, right: CreditAmount) -> Bool { left.credits < right.credits }
}
