import Synchronization

/// The longest frame that a live connection may carry now; raised once the other side is let in.
package final class FrameLimit: Sendable {
    private let current: Atomic<Int>

    private init(bytes: Int) {
        current = Atomic(bytes)
    }

    /// The limit before a worker has shown the secret.
    package static func unauthenticated() -> FrameLimit {
        FrameLimit(bytes: WireLimits.unauthenticatedFrameBytes)
    }

    /// The limit between parties that trust each other, and for what a worker hears from its coordinator.
    package static func authenticated() -> FrameLimit {
        FrameLimit(bytes: WireLimits.controlFrameBytes)
    }

    /// Longest frame, type byte and payload, in bytes.
    package var bytes: Int {
        current.load(ordering: .acquiring)
    }

    /// Lets the other side in. Must happen before it is told so: its next frame may be long.
    package func raise() {
        current.store(WireLimits.controlFrameBytes, ordering: .releasing)
    }
}
