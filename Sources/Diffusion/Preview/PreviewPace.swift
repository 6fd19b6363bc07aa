/// When a preview is due: not sooner than some seconds of rendering after the one before, and so seldom that previews take but
/// a small share of the time of rendering. Time in which nothing is rendered does not count.
package struct PreviewPace: Sendable {
    package typealias Instant = SuspendingClock.Instant

    /// Shortest time of rendering between two previews.
    private let pause: Duration
    /// How many times as long as a preview took is rendered before the next one.
    private let factor: Int
    private var wait: Duration
    private var rendered = Duration.zero
    private var seen: Instant?

    /// - Parameters:
    ///   - pause: Shortest time of rendering between two previews, and before the first.
    ///   - factor: How many times as long as a preview took is rendered before the next one; 32 makes it 3 % of the time.
    package init(pause: Duration = .seconds(2), factor: Int = 32) {
        self.pause = pause
        self.factor = factor
        wait = pause
    }

    /// Rendering begins, or goes on after a rest.
    mutating func begin(at now: Instant) {
        seen = now
    }

    /// Rendering has gone on until now.
    mutating func isDue(at now: Instant) -> Bool {
        rendered += (seen ?? now).duration(to: now)
        seen = now
        return rendered >= wait
    }

    /// A preview was made between two instants.
    mutating func made(from start: Instant, to end: Instant) {
        wait = max(pause, start.duration(to: end) * factor)
        rendered = .zero
        seen = end
    }
}
