package import Logging
package import NIOCore
import NIOPosix
import ServiceLifecycle
package import SharedModel

/// A worker: joins a coordinator and renders shards until it is drained or asked to stop.
///
/// A graceful shutdown lets the images that are being rendered be finished and delivered; cancellation ends at once.
/// Either way no finished image is lost: what is not acknowledged stays in the spool for the next start.
package struct WorkerService: Service {
    /// Who the worker is and where its things are.
    package struct Configuration: Sendable {
        package var token: JoinToken
        /// The name that people see.
        package var name: String
        /// Directory of all spools of this user.
        package var cache: String
        package var limits = SpoolLimits()
        /// Whether the coordinator is told what this worker can render; one that is alone is granted all, and fails the rest.
        package var tellsAbility = true
        /// Fingerprints of models that this host has; all of them, if it fetches none.
        package var models: [String]?
        /// From a graceful shutdown until the rendering is cut off.
        package var patience: Duration = .seconds(120)
        /// Shortest wait between two attempts to connect.
        package var shortestBackoff: Duration = .milliseconds(250)
        /// Longest wait between two attempts to connect.
        package var longestBackoff: Duration = .seconds(10)

        package init(token: JoinToken, name: String, cache: String = WorkerService.defaultCache) {
            self.token = token
            self.name = name
            self.cache = cache
        }
    }

    /// `$XDG_CACHE_HOME/tmdne` or `~/.cache/tmdne`.
    package static var defaultCache: String { SpoolDirectory.defaultCache() }

    /// What happens, for people who watch; the oldest events are dropped when nobody does. Ends when ``run()`` does.
    package let events: AsyncStream<WorkerEvent>

    private let configuration: Configuration
    private let link: ModelLink?
    private let group: any EventLoopGroup
    private let makeEngine: @Sendable () throws -> any Engine
    private let logger: Logger
    private let continuation: AsyncStream<WorkerEvent>.Continuation

    /// - Parameters:
    ///   - configuration: Who and where.
    ///   - link: What the engine fetches models through; `nil`: it fetches none.
    ///   - group: Runs the connection and the heartbeats.
    ///   - logger: Gets what an operator may want to know afterwards.
    ///   - makeEngine: Called once, on the thread that the engine then belongs to.
    package init(
        _ configuration: Configuration, link: ModelLink? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger, makeEngine: @escaping @Sendable () throws -> any Engine
    ) {
        self.configuration = configuration
        self.link = link
        self.group = group
        self.makeEngine = makeEngine
        self.logger = logger
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    /// Works until the coordinator drains the worker, or until a graceful shutdown or a cancellation.
    ///
    /// - Throws: ``WorkerError``; ``WorkerError/refused(reason:)`` when trying again is useless.
    package func run() async throws {
        defer { continuation.finish() }
        let key = try configuration.token.pinnedKey()
        let host = RenderHost(logger: logger)
        let ending: SessionEnding
        do {
            ending = try await work(on: host, key: key)
        } catch {
            await host.stop()
            throw error
        }
        await host.stop()
        if case .failed(let error) = ending { throw error }
    }

    private func work(on host: RenderHost, key: PinnedKey?) async throws -> SessionEnding {
        let (identity, leftovers) = try await host.openSpool(
            cache: configuration.cache, token: configuration.token)
        let (device, ability) = try await host.startEngine(makeEngine)
        let driver = SessionDriver(
            session: session(identity: identity, device: device, ability: ability, leftovers: leftovers), key: key,
            host: host, link: link, eventLoop: group.next(), logger: logger, events: continuation)
        return try await withTaskCancellationHandler {
            try await withGracefulShutdownHandler {
                driver.start()
                return try await driver.whenEnded.get()
            } onGracefulShutdown: {
                driver.stop()
            }
        } onCancel: {
            driver.abort()
        }
    }

    private func session(
        identity: String, device: String, ability: Ability?, leftovers: [SpoolEntry]
    ) -> WorkerSession {
        let token = configuration.token
        var able = configuration.tellsAbility ? ability : nil
        able?.fetches = link != nil
        able?.models = configuration.models
        let name = WireText.line(configuration.name, longest: WireLimits.nameBytes)
        let hello = Hello(
            version: WireLimits.protocolVersion, secret: token.secret.base64URL, name: name.isEmpty ? "worker" : name,
            identity: identity, device: WireText.line(device, longest: WireLimits.deviceBytes),
            program: Program.signature, leases: [], able: able, life: Hexadecimal.random(bytes: 16))
        var settings = WorkerSession.Configuration(hosts: token.hosts, port: token.port, hello: hello)
        settings.limits = configuration.limits
        settings.patience = configuration.patience
        let backoff = Backoff(
            shortest: configuration.shortestBackoff, longest: configuration.longestBackoff,
            generator: SystemRandomNumberGenerator())
        return WorkerSession(configuration: settings, leftovers: leftovers, backoff: backoff)
    }
}
