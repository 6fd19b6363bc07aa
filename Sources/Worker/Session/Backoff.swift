/// How long to wait before the next attempt to connect: random, so that a thousand workers do not come back in step,
/// and longer after each failure, so that a coordinator that is down is not busied.
struct Backoff: Sendable {
    private let shortest: Duration
    private let longest: Duration
    private var generator: any RandomNumberGenerator & Sendable
    private var ceiling: Duration

    /// - Parameters:
    ///   - shortest: No wait is shorter.
    ///   - longest: No wait is longer.
    ///   - generator: Where the randomness comes from.
    init(shortest: Duration, longest: Duration, generator: any RandomNumberGenerator & Sendable) {
        self.shortest = shortest
        self.longest = max(shortest, longest)
        self.generator = generator
        ceiling = shortest
    }

    /// A wait between the shortest and a ceiling that doubles up to the longest.
    mutating func next() -> Duration {
        ceiling = min(ceiling * 2, longest)
        let fraction = Double(generator.next()) / Double(UInt64.max)
        return shortest + (ceiling - shortest) * fraction
    }

    /// Begins anew, because a coordinator let the worker in.
    mutating func reset() {
        ceiling = shortest
    }
}
