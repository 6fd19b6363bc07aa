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
    /// What an image takes, without using a processor.
    package var secondsPerImage = 0.0
    /// Part of the cells that fail, 0 to 1.
    package var failures = 0.0
    /// Whether a worker whose connection is lost comes back, as real ones do.
    package var isReconnecting = true

    package init() {}
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
