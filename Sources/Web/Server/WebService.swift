import Coordinator
import Glibc
import Hummingbird
package import Logging
import NIOCore
import ServiceLifecycle

/// Serves the pages of one sweep until graceful shutdown.
package struct WebService: Service {
    /// Where the pages are served, and for whom.
    package struct Settings: Sendable {
        package var host: String
        /// 0 takes a free one.
        package var port: Int
        /// Whether a port that is taken is no error: another one is found, or the sweep goes on without pages.
        package var isOptional: Bool
        /// Names of this host beside its numeric addresses, for browsers that come by name or through a proxy.
        package var names: Set<String>

        package init(host: String, port: Int, isOptional: Bool = false, names: Set<String> = []) {
            self.host = host
            self.port = port
            self.isOptional = isOptional
            self.names = names
        }

        /// Whether nobody but this host can connect.
        package var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
    }

    private let settings: Settings
    private let routes: Routes
    private let curator: Curator
    private let watcher: SweepWatcher
    private let rule: AccessRule
    private let logger: Logger
    private let onListening: @Sendable (String) -> Void

    /// Opens the database for reading. Blocks for a moment.
    ///
    /// - Parameters:
    ///   - desk: The sweep.
    ///   - settings: Where to listen.
    ///   - logger: Where trouble is told.
    ///   - onListening: Called with the address to open once the port is there.
    /// - Throws: ``CoordinatorError`` when the directory can't be read, ``WebError`` when a template is damaged.
    package init(
        _ desk: SweepDesk, settings: Settings, logger: Logger, onListening: @escaping @Sendable (String) -> Void
    ) throws {
        let reader = try SweepReader(desk.directory)
        watcher = SweepWatcher(try SweepReader(desk.directory), logger: logger) {
            if let server = desk.server { try await server.status() } else { try reader.status() }
        }
        routes = try Routes(desk: desk, reader: reader, watcher: watcher)
        curator = try Curator(desk.directory, reviews: desk.reviews)
        rule = AccessRule(secret: desk.secret, isOpen: settings.isLoopback, names: settings.names)
        self.settings = settings
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown.
    ///
    /// - Throws: ``WebError/cannotListen(address:problem:)`` when the port is not to be had and not optional.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (images, arrival) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
            group.addTask { await watcher.run { arrival.yield() } }
            group.addTask { await curate(images) }
            // Streams of events would keep their connections, and so the server, for ever.
            group.addTask {
                try? await gracefulShutdown()
                await watcher.close()
            }
            defer { group.cancelAll() }
            do {
                try await serve()
            } catch  where settings.isOptional {
                // A sweep is worth more than its pages.
                logger.warning("there are no pages", metadata: ["reason": "\(error)"])
                try await gracefulShutdown()
            }
        }
    }

    private func serve() async throws {
        do {
            return try await serve(port: settings.port)
        } catch let error as IOError where error.errnoCode == EADDRINUSE && settings.isOptional {
            logger.info("another port is taken for the pages", metadata: ["taken": "\(settings.port)"])
        } catch {
            throw WebError.cannotListen(address: address(settings.port), problem: Self.words(error))
        }
        do {
            try await serve(port: 0)
        } catch {
            throw WebError.cannotListen(address: address(0), problem: Self.words(error))
        }
    }

    private func serve(port: Int) async throws {
        let application = Application(
            router: routes.router(rule: rule, cookie: "tmdne_session"),
            configuration: ApplicationConfiguration(address: .hostname(settings.host, port: port), serverName: nil),
            onServerRunning: { channel in onListening("http://\(address(channel.localAddress?.port ?? port))/") },
            logger: quietLogger)
        try await application.run()
    }

    /// Hummingbird tells about its start and stop, which is nobody's interest.
    private var quietLogger: Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }

    private func address(_ port: Int) -> String {
        "\(settings.host.contains(":") ? "[\(settings.host)]" : settings.host):\(port)"
    }

    private func curate(_ images: AsyncStream<Void>) async {
        var curator = curator
        for await _ in images {
            do {
                try await curator.catchUp()
            } catch is CancellationError {
                return
            } catch {
                logger.warning("images could not be measured", metadata: ["error": "\(error)"])
            }
        }
    }

    private static func words(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return String(cString: strerror(error.errnoCode)).lowercased()
    }
}
