import CMalloc
import Foundation
package import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
package import SharedModel
import Synchronization

/// Serves one sweep to its workers over TCP until it is told to stop, or until nothing is left to do.
///
/// ``start(in:plan:host:port:settings:logger:)`` takes the directory and the port; ``run()`` serves and lets go of both.
package final class CoordinatorServer: Service {
    /// What lets a worker in; print its text once.
    package let joinToken: JoinToken
    /// The port that workers connect to, also when any was asked for.
    package let boundPort: Int
    /// What the directory held; `nil` when it was opened without a plan.
    package let adoption: Adoption?
    /// What happens, as it happens; for one reader. Old events are dropped when it does not keep up.
    package let events: AsyncStream<ProgressEvent>

    private let lock: Mutex<DirectoryLock?>
    private let store: SweepStore
    private let images: ImageStore
    private let dispatcher: Dispatcher
    private let listener: Listener
    private let eventSource: AsyncStream<ProgressEvent>.Continuation
    private let stop: (stream: AsyncStream<Void>, continuation: AsyncStream<Void>.Continuation)
    private let tokens: TokenRegistry
    private let models: ModelLibrary
    private let partials = PartialUploads()
    private let settings: Settings
    let logger: Logger

    /// Locks the directory, opens or plans the sweep, and begins to listen.
    ///
    /// - Parameters:
    ///   - directory: Made when it is missing.
    ///   - plan: What the sweep file says now; `nil` goes on with what the directory holds.
    ///   - host: Name or address to listen on.
    ///   - port: Port to listen on; 0 takes a free one.
    ///   - settings: What may differ between uses.
    ///   - logger: Where the coordinator tells what it does.
    /// - Returns: A server that already accepts connections but answers them only in ``run()``.
    /// - Throws: ``CoordinatorError``, with nothing left open.
    package static func start(
        in directory: SweepDirectory, plan: SweepPlan?, host: String, port: Int, settings: Settings, logger: Logger
    ) async throws -> CoordinatorServer {
        guard plan != nil || directory.holdsSweep else {
            throw CoordinatorError.noSweep(directory: directory.url.path)
        }
        guard settings.isEncrypted || Loopback.contains(host) else {
            throw CoordinatorError.unencrypted(address: host)
        }
        let opened = try await NIOThreadPool.singleton.runIfActive {
            try OpenedDirectory(directory, isEncrypted: settings.isEncrypted, diskRoom: settings.diskRoom)
        }
        do {
            // Before the plan is written: a busy port must not leave a sweep behind that nobody started.
            let listener = try await Listener(
                host: host, port: port, identity: opened.identity, settings: settings)
            do {
                let adoption = try await opened.adopt(plan)
                return try await CoordinatorServer(
                    opened, adoption: adoption, listener: listener, settings: settings, logger: logger)
            } catch {
                await listener.close()
                throw error
            }
        } catch {
            await opened.close()
            throw error
        }
    }

    private init(
        _ opened: OpenedDirectory, adoption: Adoption?, listener: Listener, settings: Settings, logger: Logger
    ) async throws {
        guard let sweep = try await opened.store.adopted() else {
            throw CoordinatorError.noSweep(directory: opened.directory.url.path)
        }
        let leftovers = try await opened.store.recover()
        joinToken = try JoinToken(
            hosts: listener.advertisedHosts, port: listener.port, secret: opened.secret,
            publicKeyHash: opened.identity?.publicKeyHash)
        let address = ListeningAddress(
            hosts: listener.advertisedHosts, port: listener.port, isEncrypted: opened.identity != nil)
        try await NIOThreadPool.singleton.runIfActive { try address.write(to: opened.directory) }
        boundPort = listener.port
        self.adoption = adoption
        (events, eventSource) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(4096))
        stop = AsyncStream<Void>.makeStream()
        lock = Mutex(opened.lock)
        store = opened.store
        images = opened.images
        tokens = opened.tokens
        models = ModelLibrary(store: opened.store, find: settings.findModel)
        self.listener = listener
        self.settings = settings
        self.logger = logger
        dispatcher = Dispatcher(
            store: opened.store, images: opened.images, directory: opened.directory, settings: settings,
            sweep: WireText.line(sweep.name), preview: sweep.preview, leftovers: leftovers, tokens: opened.tokens,
            logger: logger,
            events: eventSource,
            onEnd: { [stop] in stop.continuation.finish() })
    }

    /// Serves until graceful shutdown, until a drain is complete, or, with ``Settings/exitsWhenDone``, until every cell is
    /// done or failed. When it returns, everything acknowledged is on the disk and the directory is free.
    package func run() async throws {
        // A plan of a million cells leaves 70 MiB of free memory behind that the C library would keep from the system.
        _ = try await NIOThreadPool.singleton.runIfActive { malloc_trim(0) }
        await withTaskCancellationOrGracefulShutdownHandler {
            await serve()
        } onCancelOrGracefulShutdown: {
            self.shutDown()
        }
    }

    /// How the sweep stands.
    package func status() async throws -> SweepStatus {
        try await dispatcher.status()
    }

    /// What an image that is being rendered will show, as its worker has told last.
    ///
    /// - Parameter number: As ``status()`` has it.
    /// - Returns: `nil` when a later one, or the image, has taken its place.
    package func preview(number: Int) async -> Preview? {
        await dispatcher.preview(number: number)
    }

    /// Where verdicts and measures of this sweep are written down.
    package var reviews: ReviewBook { ReviewBook(store: store) }

    /// Grants nothing until ``resume()``.
    package func pause() async {
        await dispatcher.pause(true)
    }

    /// Grants again.
    package func resume() async {
        await dispatcher.pause(false)
    }

    /// Grants nothing more; ``run()`` returns when the workers have delivered.
    package func drain() async {
        await dispatcher.drain("The sweep is drained.")
    }

    /// Stops without draining: answers the uploads that are under way and closes. The workers keep their leases and come
    /// back when the coordinator is started again.
    package func shutDown() {
        stop.continuation.finish()
    }

    /// Whether nothing was granted any more at the end, since somebody wanted so or nothing was left.
    package var isDrained: Bool {
        get async { await dispatcher.conduct.drainReason != nil }
    }

    /// Tries every failed cell again.
    ///
    /// - Returns: How many there were.
    package func retryFailed() async throws -> Int {
        try await dispatcher.retryFailed()
    }

    private func serve() async {
        // A disk that is full and a sweep that is done are known before the first worker asks.
        await dispatcher.tick()
        await withTaskGroup { group in
            group.addTask { await self.tick() }
            group.addTask { await self.pulse() }
            group.addTask { await self.stopWhenAsked() }
            group.addTask { await self.assess() }
            await serveConnections()
            group.cancelAll()
        }
        await models.close()
        await images.close()
        await store.close()
        lock.withLock { lock in
            lock?.markClean()
            lock = nil
        }
        eventSource.finish()
    }

    private func serveConnections() async {
        await withDiscardingTaskGroup { group in
            for await connection in listener.connections {
                group.addTask {
                    var runner = SessionRunner(
                        connection,
                        SessionRunner.Services(
                            dispatcher: self.dispatcher, store: self.store, images: self.images,
                            partials: self.partials, models: self.models, tokens: self.tokens,
                            doorkeeper: self.listener.doorkeeper, settings: self.settings, logger: self.logger))
                    await runner.run(connection)
                    self.listener.forget(connection)
                }
            }
        }
    }

    private func tick() async {
        var complaint: String?
        while (try? await Task.sleep(for: settings.tickInterval)) != nil {
            let problem = await reloadTokens()
            if let problem, problem != complaint {
                logger.warning("the join tokens can't be read", metadata: ["error": "\(problem)"])
            }
            complaint = problem
            await dispatcher.tick()
            for image in partials.expire(now: .now) { await images.discard(image) }
        }
    }

    private func pulse() async {
        while (try? await Task.sleep(for: settings.tickInterval)) != nil { await dispatcher.pulse() }
    }

    private func assess() async {
        guard let assess = settings.assess else { return }
        // Of its own: hashing a model takes as long as reading it.
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        await dispatcher.assess { use in try await thread.runIfActive { try assess(use) } }
        // Fails only when it was closed before.
        try? await thread.shutdownGracefully()
    }

    /// - Returns: What is wrong, if anything is; the tokens are then those that were read last.
    private func reloadTokens() async -> String? {
        do {
            try await NIOThreadPool.singleton.runIfActive { [tokens] in try tokens.reload() }
            return nil
        } catch {
            return "\(error)"
        }
    }

    private func stopWhenAsked() async {
        for await _ in stop.stream {}
        await dispatcher.shutDown()
        await listener.close()
        // Ends early when every session has ended.
        guard (try? await Task.sleep(for: settings.shutdownTimeout)) != nil else { return }
        listener.cutAll()
    }
}
