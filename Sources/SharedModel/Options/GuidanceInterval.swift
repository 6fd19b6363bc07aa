package import Foundation

/// The noise levels σ at which guidance acts, `low` < σ ≤ `high`; outside of them the prompt alone decides.
///
/// T. Kynkäänniemi et al., "Applying Guidance in a Limited Interval Improves Sample and Distribution Quality in Diffusion
/// Models", <https://arxiv.org/abs/2404.07724>.
package struct GuidanceInterval: Hashable, Sendable {
    package let low: Decimal
    package let high: Decimal

    /// - Returns: `nil` unless both are finite and 0 ≤ low < high.
    package init?(low: Decimal, high: Decimal) {
        guard low.isFinite, high.isFinite, low >= 0, low < high, high <= Self.greatest else { return nil }
        self.low = low
        self.high = high
    }

    /// Reads `LOW-HIGH`, as in `0.28-5.42`.
    package init(_ text: String) throws(SweepProblem) {
        let key = Sweep.Key.guidanceInterval.rawValue
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { throw .notAnInterval(text) }
        let low = try ExactNumber(String(ends[0]), key: key).decimal
        let high = try ExactNumber(String(ends[1]), key: key).decimal
        guard let interval = GuidanceInterval(low: low, high: high) else { throw .notAnInterval(text) }
        self = interval
    }

    /// Above every noise level of any model.
    private static let greatest = Decimal(1_000_000)
}

extension GuidanceInterval: CustomStringConvertible {
    package var description: String { "\(low.canonicalText)-\(high.canonicalText)" }
}

extension GuidanceInterval: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
            try self.init(try container.decode(String.self))
        } catch let problem as SweepProblem {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(problem)")
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
