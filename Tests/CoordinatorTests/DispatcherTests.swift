import Foundation
import Logging
import SharedModel
import Testing

@testable import Coordinator

/// What workers do while the database takes its time.
@Suite("The dispatcher and a slow database", .timeLimit(.minutes(1)))
struct DispatcherTests {
    /// A connection that leads nowhere.
    private struct Line: WorkerLine {
        let id: Int
        let address = "nowhere"
        let vitals = Vitals(heardAt: .now)

        func beginWork(for message: WorkerMessage) {}
        func endWork() {}
        func send(_ message: CoordinatorMessage) async throws {}
        func admit() {}
        func notify(_ event: ConnectionEvent) {}
        func cut() {}
    }

    private let fixture: StoreFixture
    private let dispatcher: Dispatcher
    private let token: TokenRecord

    init() async throws {
        fixture = try await StoreFixture(try Fixtures.plan(prompts: ["one"], guidances: 2))
        let directory = fixture.temporary.directory
        token = try TokenRecord(name: "t", secret: JoinSecret(), created: Date(timeIntervalSince1970: 0))
        let files = TokenFiles(directory)
        try files.write(token)
        let (_, events) = AsyncStream.makeStream(of: ProgressEvent.self, bufferingPolicy: .bufferingNewest(1))
        dispatcher = Dispatcher(
            store: fixture.store, images: try ImageStore(directory), directory: directory,
            settings: CoordinatorServer.Settings(program: "test", exitsWhenDone: false), sweep: "sweep", leftovers: [],
            tokens: try TokenRegistry(files), logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            events: events, onEnd: {})
    }

    /// Runs `body` while the database does something that takes long.
    private func whileBusy(_ body: () async throws -> Void) async throws {
        let gate = DispatchSemaphore(value: 0)
        let store = fixture.store
        let work = Task { _ = try? await store.committer.perform { _ in gate.wait() } }
        defer { gate.signal() }
        try await body()
        gate.signal()
        await work.value
    }

    private let hello = Fixtures.hello("worker-1", Fixtures.ada, leases: [])

    @Test("a connection that ends while its worker comes back on another does not make it away")
    func leavingWhileArriving() async throws {
        _ = await dispatcher.admit(hello, with: token, on: Line(id: 1))
        var arrival: Task<Dispatcher.Admission, Never>?
        try await whileBusy {
            arrival = Task { [dispatcher, token] in await dispatcher.admit(hello, with: token, on: Line(id: 2)) }
            while await dispatcher.arriving[Fixtures.ada] == nil { await Task.yield() }
            let departure = Task { [dispatcher] in
                await dispatcher.left(Line(id: 1), identity: Fixtures.ada, saidGoodbye: false, why: "cut")
            }
            while await dispatcher.guests[1] != nil { await Task.yield() }
            _ = departure
        }
        _ = await arrival?.value
        #expect(try await fixture.query("SELECT connected FROM worker WHERE name = 'worker-1'") == ["1"])
        await dispatcher.left(Line(id: 2), identity: Fixtures.ada, saidGoodbye: false, why: "cut")
        #expect(try await fixture.query("SELECT connected FROM worker WHERE name = 'worker-1'") == ["0"])
    }

    @Test("a worker that is back before the end of its lease is written down is blamed for nothing")
    func absolvedBeforeItIsWritten() async throws {
        let grants = [
            try await fixture.store.claim(lease: Fixtures.lease(1), identity: Fixtures.ada, limit: 1),
            try await fixture.store.claim(lease: Fixtures.lease(2), identity: Fixtures.emmy, limit: 1),
        ]
        let ended = try grants.enumerated().reversed().map { index, grant in
            LeaseBook.Ended(
                lease: try Fixtures.lease(index + 1), ending: .expired, blamed: try #require(grant).cells[0].key,
                reason: "the worker fell silent")
        }
        var writing: Task<Void, Never>?
        try await whileBusy {
            writing = Task { [dispatcher] in await dispatcher.write(ended) }
            while await dispatcher.unwritten.count != 1 { await Task.yield() }
            let absolution = Task { [dispatcher] in
                await dispatcher.absolve([try Fixtures.lease(1)], of: Fixtures.ada)
            }
            // Long enough for it to be done, and an end where it is not.
            for _ in 0..<10_000 where await dispatcher.unwritten.first?.ending == .expired { await Task.yield() }
            _ = absolution
        }
        await writing?.value
        #expect(try await fixture.query("SELECT crashes, deaths FROM cell ORDER BY crashes") == ["0|0", "2|1"])
    }
}
