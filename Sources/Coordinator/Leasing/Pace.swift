/// What decides how long an image takes on a given worker.
struct WorkSize: Hashable, Sendable {
    var width: Int
    var height: Int
    var steps: Int
}

/// How long a worker takes for an image, learnt from those that it delivered.
struct Pace: Sendable {
    /// Old images say little about a host that is busy now.
    private static let remembered = 64

    private var seconds: [WorkSize: [Double]] = [:]

    mutating func add(_ duration: Double, for size: WorkSize) {
        var samples = seconds[size, default: []]
        if samples.count == Self.remembered { samples.removeFirst() }
        samples.append(duration)
        seconds[size] = samples
    }

    /// The time that 95 of 100 images stayed under; `nil` before the first.
    func percentile95(for size: WorkSize) -> Double? {
        guard let samples = seconds[size]?.sorted(), !samples.isEmpty else { return nil }
        // Nearest rank: the smallest sample that 95 % of all do not exceed.
        let rank = (samples.count * 95 + 99) / 100
        return samples[rank - 1]
    }
}
