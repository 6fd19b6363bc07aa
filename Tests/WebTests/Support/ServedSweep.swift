import Logging
import ServiceLifecycle
import Testing

@testable import Coordinator
@testable import Web

extension RestingSweep {
    /// Serves the pages on a free port while `body` runs.
    func serve(
        host: String = "127.0.0.1", isBehindProxy: Bool = false,
        _ body: @Sendable (WebService.Address) async throws -> Void
    ) async throws {
        let reviewed = try ReviewedDirectory(directory)
        let (addresses, found) = AsyncStream<WebService.Address>.makeStream()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var settings = WebService.Settings(host: host, port: 0)
        settings.names = ["lab"]
        settings.isBehindProxy = isBehindProxy
        let service = try WebService(SweepDesk(reviewed), settings: settings, logger: logger) { found.yield($0) }
        let services = ServiceGroup(services: [service], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            var iterator = addresses.makeAsyncIterator()
            let address = try #require(await iterator.next())
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(address))
            } catch {
                result = .failure(error)
            }
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            try result.get()
        }
        await reviewed.close()
    }
}
