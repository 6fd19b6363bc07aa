import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PNG
import SharedModel

/// The two threads that may block: the engine's, and the spool's, which writes one image while the next is rendered.
///
/// `@unchecked Sendable`: `engine` is touched by blocks on `engineThread` alone and `spool` by blocks on `spoolThread`
/// alone, each a pool of a single thread; everything else is constant.
final class RenderHost: @unchecked Sendable {
    typealias Metadata = @Sendable (GrantedCell, _ device: String) throws -> [PNGText]

    let control = RenderControl()
    private let engineThread = NIOThreadPool(numberOfThreads: 1)
    private let spoolThread = NIOThreadPool(numberOfThreads: 1)
    private let metadata: Metadata
    private let spool: Spool
    private var engine: (any Engine)?

    init(spool: sending Spool, metadata: @escaping Metadata) {
        self.spool = spool
        self.metadata = metadata
        engineThread.start()
        spoolThread.start()
    }

    /// Makes the engine on its thread.
    ///
    /// - Returns: What it calls its device.
    func start(_ makeEngine: @escaping @Sendable () throws -> any Engine) async throws -> String {
        try await engineThread.runIfActive {
            do {
                let engine = try makeEngine()
                self.engine = engine
                return engine.device
            } catch {
                throw WorkerError.engineUnavailable(reason: "\(error)")
            }
        }
    }

    func leftovers() async throws -> [SpoolEntry] {
        try await spoolThread.runIfActive { try self.spool.recover() }
    }

    /// Renders a shard after those that were given before, except `skipped`; reports come from either thread and end
    /// with ``RenderReport/ended(_:)``.
    func render(
        _ grant: Grant, skipping skipped: Set<CellKey>, observe: @escaping @Sendable (EngineProgress) -> Void,
        report: @escaping @Sendable (RenderReport) -> Void
    ) {
        engineThread.submit { state in
            guard state == .active, let engine = self.engine else { return }
            let queue = SpoolQueue()
            let device = engine.device
            self.control.note(lease: grant.lease, progress: nil)
            let runner = ShardRunner(
                lease: grant.lease, control: self.control,
                deliver: { granted, image in
                    try queue.take()
                    self.spoolThread.submit { state in
                        guard state == .active else { return queue.pass(isBroken: true) }
                        let result = self.store(image, granted, lease: grant.lease, device: device)
                        report(result)
                        if case .spoolBroken = result { return queue.pass(isBroken: true) }
                        queue.pass(isBroken: false)
                    }
                },
                report: report, observe: observe)
            runner.run(grant.cells.filter { !skipped.contains($0.key) }, model: grant.model, on: engine)
            self.control.ended(grant.lease)
            // By way of the other thread, so that it follows the report of the last image.
            self.spoolThread.submit { _ in report(.ended(grant.lease)) }
        }
    }

    /// Reads an image back for its upload; `nil` when it is damaged, with a line in the log.
    func load(_ entry: SpoolEntry, logger: Logger, then use: @escaping @Sendable ([UInt8]?) -> Void) {
        spoolThread.submit { state in
            guard state == .active else { return }
            do {
                use(try self.spool.read(entry))
            } catch {
                logger.warning("A spooled image is lost", metadata: ["reason": "\(error)"])
                use(nil)
            }
        }
    }

    func remove(_ entry: SpoolEntry) {
        spoolThread.submit { _ in self.spool.remove(entry) }
    }

    /// Ends both threads when they have done what they were given; an engine that hangs is not waited for.
    func stop() {
        control.abort()
        engineThread.shutdownGracefully { _ in self.spoolThread.shutdownGracefully { _ in } }
    }

    private func store(_ image: RenderedCell, _ granted: GrantedCell, lease: LeaseID, device: String) -> RenderReport {
        let clock = ContinuousClock()
        let start = clock.now
        let png: [UInt8]
        do {
            png = try PNGImage(width: image.width, height: image.height, pixels: image.pixels)
                .encode(texts: try metadata(granted, device))
            guard png.count <= WireLimits.imageBytes else {
                throw WorkerError.imageTooLarge(bytes: png.count, maximum: WireLimits.imageBytes)
            }
        } catch {
            return .failed(lease, granted.key, reason: "\(error)")
        }
        var entry = SpoolEntry(
            lease: lease, cell: granted.key, sha256: Spool.sha256(of: png), bytes: png.count,
            timings: Timings(encode: image.encode, denoise: image.denoise, decode: image.decode, png: 0))
        do {
            // The file itself can't say how long it took to write; only an offer after a restart shows the difference.
            entry.timings.png = start.duration(to: clock.now) / .seconds(1)
            try spool.add(entry, png: png)
            entry.timings.png = start.duration(to: clock.now) / .seconds(1)
        } catch {
            return .spoolBroken(lease, reason: "\(error)")
        }
        return .spooled(entry)
    }
}
