import Coordinator
import Foundation
import Logging
import NIOCore
import NIOPosix
import SharedModel

/// Looks at the database, and tells the pages that are open what has changed.
///
/// It reads by a connection of its own and only after somebody has written, so that it costs a quiet sweep nothing and a
/// busy one no more than a small share of its time.
actor SweepWatcher {
    /// Shortest time between two looks.
    private static let interval = Duration.milliseconds(400)
    /// A look that took long is followed by this many times its duration without one.
    private static let restFactor = 10
    /// Changes that one event holds; more make the page ask for everything.
    private static let mostChanges = 5000
    /// Pages that can listen at once.
    private static let mostListeners = 64

    private let reader: SweepReader
    private let status: @Sendable () async throws -> SweepStatus
    private let logger: Logger
    private let encoder = JSONEncoder()

    private var marks: [PositionMark] = []
    private var revision = 0
    private var seenVersion: Int?
    private var curatedVersion: Int?
    private var lastStatus: Data?
    private var listeners: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
    private var nextListener = 0
    private var isClosed = false

    /// - Parameters:
    ///   - reader: Used by this watcher alone.
    ///   - logger: Where trouble with the database is told.
    ///   - status: How the sweep stands.
    init(_ reader: SweepReader, logger: Logger, status: @escaping @Sendable () async throws -> SweepStatus) {
        self.reader = reader
        self.status = status
        self.logger = logger
        encoder.outputFormatting = .withoutEscapingSlashes
    }

    /// Looks until it is cancelled; `onChange` is called at first and whenever the database has changed.
    ///
    /// Positions are looked at only while a page listens: a sweep of a million costs nothing that nobody sees.
    func run(onChange: @Sendable () -> Void) async {
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                let version = try await version()
                if version != curatedVersion { onChange() }
                curatedVersion = version
                if !listeners.isEmpty {
                    try await look()
                    try await tellStatus()
                }
            } catch is CancellationError {
                return
            } catch {
                logger.warning("the pages could not look at the sweep", metadata: ["error": "\(error)"])
            }
            let rest = max(Self.interval, (ContinuousClock.now - start) * Self.restFactor)
            guard (try? await Task.sleep(for: rest)) != nil else { return }
        }
    }

    /// Ends every stream of events and opens no more.
    func close() {
        isClosed = true
        for listener in listeners.values { listener.finish() }
        listeners = [:]
    }

    /// How the positions stand now.
    func list() async throws -> MarkList {
        try await look()
        return MarkList(revision: revision, marks)
    }

    /// Server-sent events, from how it stands now; `nil` when too many listen.
    ///
    /// `marks`: `{"from", "revision", "changes"}`, to be applied to revision `from`; `status`: a sweep's status.
    func events() -> AsyncStream<ByteBuffer>? {
        guard !isClosed, listeners.count < Self.mostListeners else { return nil }
        // A page that does not keep up loses events, sees that revisions are missing and asks for everything.
        let (stream, continuation) = AsyncStream<ByteBuffer>.makeStream(bufferingPolicy: .bufferingNewest(64))
        let id = nextListener
        nextListener += 1
        listeners[id] = continuation
        continuation.onTermination = { _ in Task { await self.forget(id) } }
        if let event = try? event("marks", MarksEvent(from: revision, revision: revision, changes: [])) {
            continuation.yield(event)
        }
        if let lastStatus { continuation.yield(Self.event("status", lastStatus)) }
        return stream
    }

    private func forget(_ id: Int) {
        listeners[id] = nil
    }

    private struct MarksEvent: Encodable {
        let from: Int
        let revision: Int
        /// `null` when there are too many to tell.
        let changes: [MarkChange]?
    }

    private func version() async throws -> Int {
        let reader = reader
        return try await NIOThreadPool.singleton.runIfActive { try reader.dataVersion() }
    }

    private func look() async throws {
        let (reader, seen) = (reader, seenVersion)
        let found = try await NIOThreadPool.singleton.runIfActive { () -> (Int, [PositionMark])? in
            // Before the marks: what is written in between is seen by the next look.
            let version = try reader.dataVersion()
            return version == seen ? nil : (version, try reader.marks())
        }
        guard let (version, new) = found else { return }
        let isFirst = seenVersion == nil
        seenVersion = version
        let changes = MarkChange.between(marks, new)
        marks = new
        guard !isFirst, !changes.isEmpty else { return }
        revision += 1
        broadcast(
            try event(
                "marks",
                MarksEvent(
                    from: revision - 1, revision: revision, changes: changes.count > Self.mostChanges ? nil : changes)))
    }

    private func tellStatus() async throws {
        let data = try encoder.encode(try await status())
        guard data != lastStatus else {
            // A comment, so that a connection that is gone is noticed.
            return broadcast(ByteBuffer(string: ":\n\n"))
        }
        lastStatus = data
        broadcast(Self.event("status", data))
    }

    private func broadcast(_ event: ByteBuffer) {
        for listener in listeners.values { listener.yield(event) }
    }

    private func event(_ name: String, _ value: some Encodable) throws -> ByteBuffer {
        Self.event(name, try encoder.encode(value))
    }

    private static func event(_ name: String, _ json: Data) -> ByteBuffer {
        var buffer = ByteBuffer(string: "event: \(name)\ndata: ")
        buffer.writeBytes(json)
        buffer.writeString("\n\n")
        return buffer
    }
}
