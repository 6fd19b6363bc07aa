package import Coordinator
import Glibc
import Hummingbird
import HummingbirdCore
package import Logging
import NIOCore
import NIOSSL
import ServiceLifecycle
import SharedModel

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
        /// Whether a proxy brings people from elsewhere to loopback, so that they have to show the token there, too.
        package var isBehindProxy: Bool
        /// A certificate of one's own beyond loopback; `nil` takes that of the directory.
        package var certificate: CertificateFiles?
        /// What reads the writing on images as they arrive; `nil` leaves it unread.
        package var boardReader: BoardReader?

        package init(host: String, port: Int, isOptional: Bool = false, names: Set<String> = []) {
            self.host = host
            self.port = port
            self.isOptional = isOptional
            self.names = names
            isBehindProxy = false
        }

        /// Whether nobody but this host can connect.
        package var isLoopback: Bool { Loopback.contains(host) }
    }

    /// Paths of PEM files: a certificate with those that vouch for it, and its private key.
    package struct CertificateFiles: Sendable {
        package var certificate: String
        package var key: String

        package init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// Where the pages are, once they are.
    package struct Address: Sendable {
        /// What a browser may be given, the one that others reach first.
        package let urls: [String]
        /// The fingerprint of the certificate, as browsers show it; `nil` on loopback, where nothing is encrypted.
        package let fingerprint: String?
    }

    /// Connections at once; beyond loopback strangers can open them, and the workers need descriptors, too.
    private static let mostConnections = 512

    private let settings: Settings
    private let routes: Routes
    private let curator: Curator
    private let watcher: SweepWatcher
    private let visits: AsyncStream<Void>
    private let access: Access
    private let identity: PageIdentity?
    private let encryption: NIOSSLContext?
    private let logger: Logger
    private let onListening: @Sendable (Address) -> Void

    /// Opens the database for reading. Blocks for a moment.
    ///
    /// - Parameters:
    ///   - desk: The sweep.
    ///   - settings: Where to listen.
    ///   - logger: Where trouble is told.
    ///   - onListening: Called with the addresses to open once the port is there.
    /// - Throws: ``CoordinatorError`` when the directory or the certificate can't be read, ``WebError`` when a template is
    ///   damaged.
    package init(
        _ desk: SweepDesk, settings: Settings, logger: Logger, onListening: @escaping @Sendable (Address) -> Void
    ) throws {
        let reader = try SweepReader(desk.directory)
        watcher = SweepWatcher(try SweepReader(desk.directory), logger: logger) {
            if let server = desk.server { try await server.status() } else { try reader.status() }
        }
        let (visits, visit) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        routes = try Routes(desk: desk, reader: reader, watcher: watcher) { visit.yield() }
        self.visits = visits
        curator = try Curator(desk.directory, reviews: desk.reviews, boardReader: settings.boardReader)
        identity = try Self.identity(desk.directory, settings)
        encryption = try identity?.serverContext()
        access = Access(
            rule: AccessRule(isOpen: settings.isLoopback && !settings.isBehindProxy, names: settings.names),
            sessions: Sessions(desk.directory, secret: desk.secret),
            cookie: SessionCookie(isSecure: encryption != nil))
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

    /// On loopback nothing is encrypted, beyond it everything: the token and the cookie must not be read on the way.
    private static func identity(_ directory: SweepDirectory, _ settings: Settings) throws -> PageIdentity? {
        if let files = settings.certificate {
            return try PageIdentity(certificate: files.certificate, key: files.key)
        }
        guard !settings.isLoopback else { return nil }
        return try PageIdentity.load(
            directory, hosts: settings.names.union(ReachableHosts.of(settings.host)).union(["localhost"]))
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
        let server: HTTPServerBuilder =
            if let encryption {
                HTTPServerBuilder { EncryptedChannel(context: encryption, base: HTTP1Channel(responder: $0)) }
            } else {
                .http1()
            }
        let application = Application(
            router: routes.router(access), server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: port), serverName: nil,
                availableConnectionsDelegate: MaximumAvailableConnections(Self.mostConnections)),
            onServerRunning: { channel in onListening(reachable(port: channel.localAddress?.port ?? port)) },
            logger: quietLogger)
        try await application.run()
    }

    private func reachable(port: Int) -> Address {
        let scheme = encryption == nil ? "http" : "https"
        let urls = ReachableHosts.of(settings.host).map { host in
            "\(scheme)://\(host.contains(":") ? "[\(host)]" : host):\(port)/"
        }
        return Address(urls: urls, fingerprint: identity?.fingerprint)
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

    /// Begins with the first page that is asked for, or with the first image if its writing is to be read: measures and thumbnails
    /// are for people, and take their time from what this host renders.
    private func curate(_ images: AsyncStream<Void>) async {
        var curator = curator
        if settings.boardReader == nil, await visits.first(where: { _ in true }) == nil { return }
        for await _ in images {
            do {
                try await curator.catchUp()
            } catch is CancellationError {
                return
            } catch let error as CoordinatorError {
                if case .program = error { curator.stopReading() }
                logger.warning("images could not be measured or read", metadata: ["error": "\(error)"])
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
