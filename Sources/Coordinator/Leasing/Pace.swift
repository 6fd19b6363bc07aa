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
    /// Weight of the newest image in the mean of all sizes.
    private static let novelty = 0.2

    private var seconds: [WorkSize: [Double]] = [:]
    /// Running mean over all sizes; `nil` before the first image.
    private(set) var mean: Double?

    mutating func add(_ duration: Double, for size: WorkSize) {
        var samples = seconds[size, default: []]
        if samples.count == Self.remembered { samples.removeFirst() }
        samples.append(duration)
        seconds[size] = samples
        mean = mean.map { $0 + (duration - $0) * Self.novelty } ?? duration
    }

    /// The time that 95 of 100 images stayed under; `nil` before the first.
    func percentile95(for size: WorkSize) -> Double? {
        percentile(95, for: size)
    }

    /// The time that half of the images stayed under; `nil` before the first.
    func median(for size: WorkSize) -> Double? {
        percentile(50, for: size)
    }

    /// Nearest rank: the smallest sample that `percent` of all do not exceed.
    private func percentile(_ percent: Int, for size: WorkSize) -> Double? {
        guard let samples = seconds[size]?.sorted(), !samples.isEmpty else { return nil }
        let rank = (samples.count * percent + 99) / 100
        return samples[rank - 1]
    }
}
