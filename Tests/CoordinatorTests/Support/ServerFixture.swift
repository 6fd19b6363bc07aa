import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import SharedModel
import Synchronization
import Testing

@testable import Coordinator

/// Runs a coordinator on a free port for as long as a test takes, in settings that need no waiting.
enum ServerFixture {
    static func settings(exitsWhenDone: Bool = false) -> CoordinatorServer.Settings {
        var settings = CoordinatorServer.Settings(program: "test", exitsWhenDone: exitsWhenDone)
        // TLS has tests of its own, with the worker at the other end.
        settings.isEncrypted = false
        settings.refusalDelay = .zero
        settings.tickInterval = .milliseconds(20)
        settings.farewell = .milliseconds(200)
        return settings
    }

    static func start(
        _ temporary: TemporaryDirectory, plan: SweepPlan?, settings: CoordinatorServer.Settings
    ) async throws -> CoordinatorServer {
        var logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        logger.logLevel = .critical
        return try await CoordinatorServer.start(
            in: temporary.directory, plan: plan, host: "127.0.0.1", port: 0, settings: settings, logger: logger)
    }

    /// What a worker says first, with the server's secret.
    static func hello(
        _ server: CoordinatorServer, _ name: String = "ada", _ identity: String = Fixtures.ada, leases: [LeaseID] = []
    ) -> Hello {
        Fixtures.hello(name, identity, secret: server.joinToken.secret.base64URL, leases: leases)
    }

    /// Waits for the coordinator to tell of a state.
    static func wait(for state: SweepStatus.State, of server: CoordinatorServer) async throws {
        while try await server.status().state != state { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Serves while `body` runs, then shuts down gracefully.
    static func serve<Result: Sendable>(
        _ temporary: TemporaryDirectory, plan: SweepPlan? = nil,
        settings: CoordinatorServer.Settings = ServerFixture.settings(),
        _ body: (CoordinatorServer) async throws -> Result
    ) async throws -> Result {
        let server = try await start(temporary, plan: plan, settings: settings)
        return try await withThrowingTaskGroup { group in
            let services = ServiceGroup(
                services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            group.addTask { try await services.run() }
            do {
                let result = try await body(server)
                await services.triggerGracefulShutdown()
                // The service may have ended by itself before.
                try? await group.waitForAll()
                return result
            } catch {
                await services.triggerGracefulShutdown()
                throw error
            }
        }
    }
}

/// Free space that a test decides.
final class FakeDisk: Sendable {
    private let bytes = Mutex(Int.max)

    func set(free: Int) {
        bytes.withLock { $0 = free }
    }

    var room: @Sendable (SweepDirectory) -> DiskRoom {
        { _ in DiskRoom(bytes: self.bytes.withLock(\.self)) }
    }
}
