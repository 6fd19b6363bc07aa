import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PNG
import SharedModel

/// The two threads that may block: the engine's, and the spool's, which writes one image while the next is rendered.
///
/// `@unchecked Sendable`: `engine` and `record` are touched by blocks on `engineThread` alone, `directory`, `spool` and `latest` by
/// blocks on `spoolThread` alone, each a pool of a single thread; everything else is constant.
final class RenderHost: @unchecked Sendable {
    let control = RenderControl()
    private let engineThread = NIOThreadPool(numberOfThreads: 1)
    private let spoolThread = NIOThreadPool(numberOfThreads: 1)
    private let logger: Logger
    private var engine: (any Engine)?
    private let record = EngineRecord()
    /// Held for its lock.
    private var directory: SpoolDirectory?
    private var spool: Spool?
    /// The image that was spooled last: mostly the next to be sent, and then it needs not be read back.
    private var latest: (entry: SpoolEntry, png: [UInt8])?

    init(logger: Logger) {
        self.logger = logger
        engineThread.start()
        spoolThread.start()
    }

    /// Takes a spool for the coordinator that `token` leads to.
    ///
    /// - Returns: The worker's identity there, and the images of an earlier run.
    func openSpool(cache: String, token: JoinToken) async throws -> (identity: String, leftovers: [SpoolEntry]) {
        try await spoolThread.runIfActive { [self] in
            let directory = try SpoolDirectory.acquire(cache: cache, token: token)
            let spool = Spool(directory: directory.path, logger: logger)
            let leftovers = try spool.recover()
            self.directory = directory
            self.spool = spool
            return (directory.identity, leftovers)
        }
    }

    /// Makes the engine on its thread.
    ///
    /// - Returns: What it calls its device, and what it can render.
    func startEngine(
        _ makeEngine: @escaping @Sendable () throws -> any Engine
    ) async throws -> (device: String, ability: Ability?) {
        try await engineThread.runIfActive { [self] in
            do {
                let engine = try makeEngine()
                self.engine = engine
                return (engine.device, engine.ability)
            } catch {
                throw WorkerError.engineUnavailable(reason: "\(error)")
            }
        }
    }

    /// Renders a shard after those that were given before, except `skipped`; reports come from either thread and end
    /// with ``RenderReport/ended(_:)``.
    func render(
        _ grant: Grant, of sweep: String, skipping skipped: Set<CellKey>,
        observe: @escaping @Sendable (EngineProgress) -> Void,
        report: @escaping @Sendable (RenderReport) -> Void
    ) {
        engineThread.submit { [self] state in
            guard state == .active, let engine else { return }
            let queue = SpoolQueue()
            let metadata = { @Sendable [device = engine.device, precision = engine.precision] (granted: GrantedCell) in
                ImageMetadata(granted, model: grant.model, sweep: sweep, device: device, precision: precision)
            }
            control.note(lease: grant.lease, progress: nil)
            let runner = ShardRunner(
                lease: grant.lease, model: grant.model, preview: grant.preview, control: control, record: record,
                deliver: { [self] granted, image in
                    try queue.take()
                    spoolThread.submit { [self] state in
                        guard state == .active else { return queue.pass(isBroken: true) }
                        let result = store(image, metadata(granted), lease: grant.lease)
                        report(result)
                        if case .spoolBroken = result { return queue.pass(isBroken: true) }
                        queue.pass(isBroken: false)
                    }
                },
                report: report, observe: observe)
            runner.run(grant.cells.filter { !skipped.contains($0.key) }, on: engine)
            control.ended(grant.lease)
            // By way of the other thread, so that it follows the report of the last image.
            spoolThread.submit { _ in report(.ended(grant.lease)) }
        }
    }

    /// Reads an image back for its upload; `nil` when it is damaged, with a line in the log.
    func load(_ entry: SpoolEntry, then use: @escaping @Sendable ([UInt8]?) -> Void) {
        spoolThread.submit { [self] state in
            guard state == .active else { return }
            if let latest, latest.entry == entry {
                self.latest = nil
                return use(latest.png)
            }
            do {
                use(try spool?.read(entry))
            } catch {
                logger.warning("A spooled image is lost", metadata: ["reason": "\(error)"])
                use(nil)
            }
        }
    }

    func remove(_ entry: SpoolEntry) {
        spoolThread.submit { [self] _ in spool?.remove(entry) }
    }

    /// Stops rendering and ends both threads.
    ///
    /// - Returns: When the spool's thread has done what it was given and has let go of its directory; an engine that
    ///   hangs is not waited for.
    func stop() async {
        control.abort()
        engineThread.shutdownGracefully { _ in }
        spoolThread.submit { [self] _ in
            spool = nil
            latest = nil
            directory = nil
        }
        do {
            try await spoolThread.shutdownGracefully()
        } catch {
            logger.debug("The spool's thread has ended already", metadata: ["reason": "\(error)"])
        }
    }

    private func store(_ image: RenderedCell, _ metadata: ImageMetadata, lease: LeaseID) -> RenderReport {
        let clock = ContinuousClock()
        let start = clock.now
        let png: [UInt8]
        do {
            png = try PNGImage(width: image.width, height: image.height, pixels: image.pixels)
                .encode(texts: metadata.pngTexts)
            let longest = WireLimits.imageBytes(width: image.width, height: image.height)
            guard png.count <= longest else {
                throw WorkerError.imageTooLarge(bytes: png.count, maximum: longest)
            }
        } catch {
            return .failed(lease, image.cell, reason: "\(error)")
        }
        var entry = SpoolEntry(
            lease: lease, cell: image.cell, sha256: Spool.sha256(of: png), bytes: png.count,
            timings: Timings(encode: image.encode, denoise: image.denoise, decode: image.decode, png: 0).bounded)
        guard let spool else { return .spoolBroken(lease, reason: "The worker is ending.") }
        do {
            // The file itself can't say how long it took to write; only an offer after a restart shows the difference.
            entry.timings.png = start.duration(to: clock.now) / .seconds(1)
            entry.timings = entry.timings.bounded
            try spool.add(entry, png: png)
            entry.timings.png = start.duration(to: clock.now) / .seconds(1)
            entry.timings = entry.timings.bounded
        } catch {
            return .spoolBroken(lease, reason: "\(error)")
        }
        latest = (entry, png)
        return .spooled(entry)
    }
}
