/// What the workers of a load test do.
package struct LoadPlan: Sendable {
    package enum Task: String, CaseIterable, Sendable {
        /// Deliver an image of noise for every cell.
        case results
        /// Claim and give back, over and over.
        case leases
        /// Join, beat and claim nothing.
        case presence
    }

    package var task = Task.results
    package var workers = 8
    /// Seconds that an image takes, without using a processor: the fastest worker's and the slowest one's.
    package var secondsPerImage = 0.0...0.0
    /// Part of the cells that fail, 0 to 1.
    package var failures = 0.0
    /// Whether a worker whose connection is lost comes back, as real ones do.
    package var isReconnecting = true

    package init() {}

    /// Seconds that an image takes worker `number`, counted from 0: the workers lie evenly between the fastest and the slowest.
    func seconds(ofWorker number: Int) -> Double {
        let (fastest, slowest) = (secondsPerImage.lowerBound, secondsPerImage.upperBound)
        return fastest + (slowest - fastest) * Double(number) / Double(max(workers - 1, 1))
    }
}

/// What the workers of a load test have done so far.
package struct LoadCount: Codable, Equatable, Sendable {
    package var joined = 0
    package var connected = 0
    package var leases = 0
    package var images = 0
    package var bytes = 0
    package var failures = 0
    /// Answers other than a grant or an acknowledgement as stored.
    package var others = 0

    package init() {}
}
