import NIOConcurrencyHelpers
import SharedModel

/// What the session and the engine's thread tell each other without waiting for each other.
final class RenderControl: Sendable {
    private struct State {
        var lost: Set<LeaseID> = []
        var isWindingDown = false
        var isAborted = false
        var beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
    }

    /// How far a rendering may go on.
    enum Permission {
        /// On and on.
        case all
        /// To the end of the group of cells that is rendered now.
        case currentGroup
        /// No step further.
        case none
    }

    private let state = NIOLockedValueBox(State())

    /// Stops the rendering of a lease at its next step, now or when it comes to be rendered.
    func lose(_ lease: LeaseID) {
        state.withLockedValue { _ = $0.lost.insert(lease) }
    }

    /// Lets the images that are being rendered be finished, and no others be begun.
    func windDown() {
        state.withLockedValue { $0.isWindingDown = true }
    }

    /// Stops every rendering at its next step.
    func abort() {
        state.withLockedValue { $0.isAborted = true }
    }

    func permission(for lease: LeaseID) -> Permission {
        state.withLockedValue { state in
            if state.isAborted || state.lost.contains(lease) { return .none }
            return state.isWindingDown ? .currentGroup : .all
        }
    }

    /// What a beat says now.
    var beat: Beat {
        state.withLockedValue(\.beat)
    }

    func note(lease: LeaseID?, progress: EngineProgress?) {
        // An engine is trusted to report steps, not to keep the wire's bounds.
        let steps = min(max(progress?.steps ?? 0, 0), WireLimits.steps)
        let step = min(max(progress?.step ?? 0, 0), steps)
        state.withLockedValue { $0.beat = Beat(lease: lease, cell: progress?.cell, step: step, steps: steps) }
    }

    /// Forgets what was noted about a lease that is no longer rendered.
    func ended(_ lease: LeaseID) {
        state.withLockedValue { state in
            state.lost.remove(lease)
            state.beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
        }
    }
}
