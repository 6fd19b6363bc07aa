import Foundation
import GRDB
import Logging
import SharedModel
import Synchronization

@testable import Coordinator

/// A connection as the coordinator sees it; what it sends is collected by the simulation.
final class SimulatedLine: WorkerLine {
    enum Output: Sendable {
        case message(CoordinatorMessage)
        case notice(ConnectionEvent)
        case cut
    }

    let id: Int
    let address = "simulated"
    private let clock: VirtualClock
    private let state: Mutex<(vitals: Vitals, outputs: [Output])>

    init(id: Int, clock: VirtualClock) {
        self.id = id
        self.clock = clock
        state = Mutex((Vitals(heardAt: clock.instant), []))
    }

    var vitals: Vitals { state.withLock(\.vitals) }

    func beginWork(for message: WorkerMessage) {
        let now = clock.instant
        state.withLock { state in
            state.vitals.heardAt = now
            switch message {
            case .offer, .chunk: state.vitals.uploadedAt = now
            default: break
            }
        }
    }

    func endWork() {}
    func admit() {}

    func send(_ message: CoordinatorMessage) async throws {
        state.withLock { $0.outputs.append(.message(message)) }
    }

    func notify(_ event: ConnectionEvent) {
        state.withLock { $0.outputs.append(.notice(event)) }
    }

    func cut() {
        state.withLock { $0.outputs.append(.cut) }
    }

    /// What it was told to do since it was last asked.
    func takeOutputs() -> [Output] {
        state.withLock { state in
            defer { state.outputs = [] }
            return state.outputs
        }
    }
}

/// A real coordinator but for its sockets: session runners, dispatcher, store and images, on a directory that outlives it.
final class CoordinatorSide {
    private let directory: SweepDirectory
    private let clock: VirtualClock
    private let settings: CoordinatorServer.Settings
    private let secret: JoinSecret
    private let numbersConnections: Bool
    private let choices: Choices
    private let logger = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
    private var store: SweepStore?
    private var images: ImageStore?
    private var dispatcher: Dispatcher?
    private var services: SessionRunner.Services?
    private var runners: [Int: SessionRunner] = [:]
    private var lines: [Int: SimulatedLine] = [:]

    init(_ scenario: Scenario, folder: URL, secret: JoinSecret, clock: VirtualClock) {
        directory = SweepDirectory(folder)
        self.secret = secret
        self.clock = clock
        numbersConnections = scenario.protections.numbersConnections
        choices = Choices(seed: scenario.seed)
        var settings = CoordinatorServer.Settings(program: "simulation", exitsWhenDone: true)
        settings.diskRoom = { _ in DiskRoom(bytes: .max) }
        let never = Duration.seconds(1_000_000_000)
        if !scenario.protections.noticesSilence { settings.timeouts.silence = never }
        if !scenario.protections.noticesStandstill {
            settings.timeouts.standstill = never
            settings.timeouts.firstStandstill = never
        }
        if !scenario.protections.noticesClockGaps { settings.timeouts.clockGap = never }
        if !scenario.protections.keepsLeasesOfTheAbsent {
            settings.timeouts.grace = .zero
            settings.timeouts.restartGrace = .zero
        }
        if !scenario.protections.quarantines { settings.timeouts.quarantine.failures = .max }
        settings.copiesSlowLeases = scenario.protections.copiesSlowLeases
        settings.adaptsShares = scenario.protections.adaptsShares
        if !scenario.protections.saysFarewell { settings.farewell = .seconds(-1) }
        self.settings = settings
    }

    var isRunning: Bool { dispatcher != nil }
    /// Whether it ended by itself, because everything was done.
    var hasEnded: Bool { choices.hasEnded.withLock(\.self) }

    /// Starts it, the first time with a plan; `retriesFailed`: as after `tmdne retry`.
    func start(plan: SweepPlan? = nil, retriesFailed: Bool = false) async throws {
        try directory.create()
        let clock = clock
        let store = try SweepStore(
            path: directory.database.path,
            wallClock: { Date(timeIntervalSince1970: clock.wall) })
        if let plan { _ = try await store.adopt(plan, directory: "DIR") }
        if retriesFailed { _ = try await store.retryFailed() }
        let images = try ImageStore(directory, diskRoom: { _ in DiskRoom(bytes: .max) })
        choices.hasEnded.withLock { $0 = false }
        let (_, events) = AsyncStream.makeStream(of: ProgressEvent.self, bufferingPolicy: .bufferingNewest(1))
        let surroundings = Dispatcher.Surroundings(
            now: { clock.instant },
            makeLease: { [choices] in choices.random.withLock { LeaseID(using: &$0) } })
        let files = TokenFiles(directory)
        try files.write(
            TokenRecord(name: TokenRecord.defaultName, secret: secret, created: Date(timeIntervalSince1970: 0)))
        let tokens = try TokenRegistry(files)
        let dispatcher = Dispatcher(
            store: store, images: images, directory: directory, settings: settings, sweep: "simulated",
            leftovers: try await store.recover(), tokens: tokens, logger: logger, events: events,
            surroundings: surroundings,
            onEnd: { [choices] in choices.hasEnded.withLock { $0 = true } })
        self.store = store
        self.images = images
        self.dispatcher = dispatcher
        services = SessionRunner.Services(
            dispatcher: dispatcher, store: store, images: images, partials: PartialUploads(),
            models: ModelLibrary(store: store, find: nil), tokens: tokens,
            doorkeeper: Doorkeeper(limit: .max, patience: .zero), settings: settings, logger: logger)
        await dispatcher.tick()
    }

    /// Ends it without a word to anyone. What it has told the database is there; nothing else is.
    func stop() async {
        dispatcher = nil
        runners = [:]
        lines = [:]
        await services?.models.close()
        services = nil
        await images?.close()
        await store?.close()
        (images, store) = (nil, nil)
    }

    func tick() async {
        await dispatcher?.tick()
    }

    /// A connection comes in.
    ///
    /// Without its number it can't be told from the worker's others.
    func connected(_ id: Int, of worker: Int) {
        guard let services else { return }
        let line = SimulatedLine(id: numbersConnections ? id : worker, clock: clock)
        lines[id] = line
        runners[id] = SessionRunner(line, services)
    }

    /// - Returns: Whether the connection goes on.
    func handle(_ event: ConnectionEvent, on id: Int) async -> Bool {
        guard var runner = runners.removeValue(forKey: id) else { return false }
        var why = "the session ended"
        do {
            if try await runner.handle(event) {
                runners[id] = runner
                return true
            }
        } catch {
            why = "\(error)"
        }
        await runner.finish(because: why)
        return false
    }

    func closed(_ id: Int) async {
        guard var runner = runners.removeValue(forKey: id) else { return }
        await runner.finish(because: "the connection was closed")
        lines[id] = nil
    }

    /// What every connection was told to do, in the order of the connections.
    func takeOutputs() -> [(id: Int, outputs: [SimulatedLine.Output])] {
        lines.keys.sorted().compactMap { id in
            let outputs = lines[id]?.takeOutputs() ?? []
            return outputs.isEmpty ? nil : (id, outputs)
        }
    }

    /// Runs a query as a person with `sqlite3` would; each row as text.
    func query(_ sql: String) throws -> [String] {
        let database = try DatabaseQueue(path: directory.database.path)
        return try database.read { db in
            try Row.fetchAll(db, sql: sql).map { row in
                row.databaseValues.map { $0.isNull ? "NULL" : String.fromDatabaseValue($0) ?? "?" }
                    .joined(separator: "|")
            }
        }
    }

    /// Who had a cell, when, and how that ended.
    func history(of cell: CellKey) throws -> [String] {
        try query(
            """
            SELECT strftime('%s', granted_at), strftime('%s', ended_at), worker.name, attempt.state, attempt.reason,
                (SELECT count(*) FROM attempt_cell AS other WHERE other.attempt = attempt.id)
            FROM attempt_cell JOIN attempt ON attempt.id = attempt_cell.attempt JOIN worker ON worker.id = attempt.worker
                JOIN cell ON cell.id = attempt_cell.cell
            WHERE cell.key = '\(cell.hex)' ORDER BY attempt.id
            """)
    }

    func bytes(ofImage sha256: String) -> [UInt8]? {
        let path = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256))
        return (try? Data(contentsOf: path)).map(Array.init)
    }
}

/// What the dispatcher's closures share with the simulation.
private final class Choices: Sendable {
    let random: Mutex<SplitMix>
    let hasEnded = Mutex(false)

    init(seed: UInt64) {
        random = Mutex(SplitMix(state: ~seed))
    }
}
