import NIOConcurrencyHelpers
import SharedModel

/// Lets the engine's thread, which waits for a model, talk over the session's connection, which never waits.
package final class ModelLink: Sendable {
    /// What the engine's thread hears.
    enum Event: Sendable {
        case connected
        case disconnected
        case listed(ModelOffer)
        case arrived([UInt8])
        /// The worker ends.
        case aborted
    }

    private struct State {
        var send: (@Sendable (WorkerMessage) -> Void)?
        var tell: (@Sendable (WorkerEvent) -> Void)?
        var events: [Event] = []
        /// Whether the engine's thread is fetching; nobody else needs events.
        var isListening = false
        var isAborted = false
    }

    private let state = NIOLockedValueBox(State())
    /// Its value is whether there are events.
    private let news = ConditionLock(value: false)

    package init() {}

    // MARK: The engine's thread

    /// Begins to listen; the first event says whether there is a connection.
    func listen() {
        state.withLockedValue { state in
            state.isListening = true
            state.events = state.isAborted ? [.aborted] : state.send == nil ? [] : [.connected]
        }
        announce()
    }

    func ignore() {
        state.withLockedValue { state in
            state.isListening = false
            state.events = []
        }
    }

    /// Blocks until there is an event.
    func next() -> Event {
        news.lock(whenValue: true)
        let (event, isMore) = state.withLockedValue { state in
            let event = state.events.isEmpty ? Event.aborted : state.events.removeFirst()
            return (event, !state.events.isEmpty)
        }
        news.unlock(withValue: isMore)
        return event
    }

    /// Whether the worker ends.
    var isAborted: Bool { state.withLockedValue(\.isAborted) }

    /// Sends a message, or does nothing when there is no connection: a new one begins anew.
    func send(_ message: WorkerMessage) {
        state.withLockedValue(\.send)?(message)
    }

    func tell(_ event: WorkerEvent) {
        state.withLockedValue(\.tell)?(event)
    }

    // MARK: The session

    /// The coordinator let the worker in.
    func attach(
        send: @escaping @Sendable (WorkerMessage) -> Void, tell: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        state.withLockedValue { state in
            state.send = send
            state.tell = tell
        }
        push(.connected)
    }

    func detach() {
        state.withLockedValue { $0.send = nil }
        push(.disconnected)
    }

    func received(_ event: Event) {
        push(event)
    }

    /// Ends what is being fetched, for good.
    func abort() {
        state.withLockedValue { $0.isAborted = true }
        push(.aborted)
    }

    private func push(_ event: Event) {
        state.withLockedValue { if $0.isListening { $0.events.append(event) } }
        announce()
    }

    private func announce() {
        news.lock()
        news.unlock(withValue: state.withLockedValue { !$0.events.isEmpty })
    }
}
