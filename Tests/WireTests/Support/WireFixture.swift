import Foundation
import Logging
import ServiceLifecycle
import SharedModel
import Testing
import Worker

@testable import Coordinator

/// A real coordinator and real workers in one process, over real sockets.
enum WireFixture {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func settings() -> CoordinatorServer.Settings {
        var settings = CoordinatorServer.Settings(program: "test", exitsWhenDone: true)
        settings.refusalDelay = .zero
        settings.tickInterval = .milliseconds(20)
        settings.farewell = .milliseconds(200)
        return settings
    }

    /// One shard whose cells differ in guidance, for the null engine.
    static func plan(
        cells count: Int = 4, size: Int = 64, fingerprint: String = String(repeating: "f", count: 64)
    ) -> SweepPlan {
        let cells = (1...count).map { number in
            let cell = Cell(
                fingerprint: fingerprint, guidance: Decimal(number), height: size, negativePrompt: "", prompt: "woman",
                sampler: .ddim, seed: 7, steps: 2, width: size)
            return PlannedCell(key: cell.key, cell: cell, firstPosition: number - 1)
        }
        let positions = cells.map { planned in
            Position(
                index: planned.firstPosition, cell: planned.key, model: "tiny", prompt: "woman", negativePrompt: "",
                style: "none", guidance: planned.cell.guidance, seed: 7, steps: 2, sampler: .ddim, width: size,
                height: size)
        }
        return SweepPlan(
            name: "sweep", source: "name: sweep", positions: positions, cells: cells,
            shards: [Shard(cells: cells.map(\.key))])
    }

    /// Serves `plan` while `body` runs.
    static func serve<Result: Sendable>(
        in folder: String, plan: SweepPlan = plan(), settings: CoordinatorServer.Settings = settings(),
        _ body: (CoordinatorServer) async throws -> Result
    ) async throws -> Result {
        let server = try await CoordinatorServer.start(
            in: directory(folder), plan: plan, host: "127.0.0.1", port: 0, settings: settings, logger: logger)
        async let serving: Void = server.run()
        let result: Swift.Result<Result, any Error>
        do {
            result = .success(try await body(server))
        } catch {
            result = .failure(error)
        }
        server.shutDown()
        try await serving
        return try result.get()
    }

    static func directory(_ folder: String) -> SweepDirectory {
        SweepDirectory(URL(filePath: "\(folder)/sweep"))
    }

    /// A worker that comes back quickly.
    static func worker(
        _ token: JoinToken, in folder: String, link: ModelLink? = nil,
        makeEngine: @escaping @Sendable () throws -> any Engine = { NullEngine() }
    ) -> WatchedWorker {
        var configuration = WorkerService.Configuration(token: token, name: "ada", cache: "\(folder)/cache")
        configuration.shortestBackoff = .milliseconds(1)
        configuration.longestBackoff = .milliseconds(20)
        let service = WorkerService(configuration, link: link, logger: logger, makeEngine: makeEngine)
        return WatchedWorker(service, in: folder)
    }

    /// The token with parts of it replaced.
    static func token(
        _ token: JoinToken, port: Int? = nil, key: [UInt8]?? = .none, secret: JoinSecret? = nil
    ) throws -> JoinToken {
        try JoinToken(
            hosts: token.hosts, port: port ?? token.port, secret: secret ?? token.secret,
            publicKeyHash: key ?? token.publicKeyHash)
    }

    /// Checks everything that must hold once the sweep is whole; see ``WireAudit``.
    static func expectWhole(_ folder: String, cells: Int) throws {
        try WireAudit(folder).expectWhole(cells: cells)
    }

    /// Runs `body` with a new directory that is removed afterwards.
    static func withDirectory<Result>(_ body: (String) async throws -> Result) async throws -> Result {
        let path = FileManager.default.temporaryDirectory.appending(path: "tmdne-wire-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try await body(path)
    }
}
