import ArgumentParser
import Coordinator
import Foundation
import Logging
import PNG
import ServiceLifecycle
import SharedModel
import UnixSignals
import Worker

/// Has a sample of a sweep's finished cells rendered again, here or by workers that join for it.
struct SweepVerification {
    private let directory: SweepDirectory
    private let rows: [GridRow]

    var count: Int { rows.count }

    /// - Throws: ``CoordinatorError`` when there is no sweep.
    init(_ directory: SweepDirectory, sample: VerifySample) throws {
        self.directory = directory
        var seen: Set<CellKey> = []
        let done = try SweepReader(directory).rows().filter { $0.sha256 != nil && seen.insert($0.cell).inserted }
        // In grid order, so that a model is loaded once.
        rows = done.shuffled().prefix(sample.size(of: done.count)).sorted { $0.position < $1.position }
    }

    private var finder: ModelFinder {
        let folder = directory.rememberedOrigin.map { URL(filePath: $0).deletingLastPathComponent().path }
        return ModelFinder(locator: ModelLocator(sweepFolder: folder))
    }

    // MARK: - Here

    /// Renders every cell of the sample with the engine of this host and hands over what came of it.
    func runHere(_ body: (ImageVerdict) throws -> Void) throws {
        let engines = RecipeEngines(finder: finder)
        for row in rows {
            let first = try DescribedImage(of: row, in: directory)
            let engine = try engines.engine(for: first.metadata)
            try body(ImageVerdict(row, first, again: render(first.metadata, with: engine), by: nil))
        }
    }

    private func render(_ metadata: ImageMetadata, with engine: DiffusionEngine) throws -> DescribedImage {
        let axes = metadata.axes
        let granted = GrantedCell(
            key: metadata.key, cell: metadata.cell, position: metadata.position, rawPrompt: axes.prompt,
            rawNegativePrompt: axes.negativePrompt, style: axes.style, files: metadata.files ?? [:])
        try engine.prepare(model: axes.model, for: granted)
        var again: PNGImage?
        try engine.render([granted], progress: { _ in true }) { rendered in
            again = try PNGImage(width: rendered.width, height: rendered.height, pixels: rendered.pixels)
        }
        guard let again else { throw NothingRendered(position: metadata.position) }
        return DescribedImage(
            image: again,
            metadata: ImageMetadata(
                granted, model: axes.model, sweep: metadata.sweep, device: engine.device, precision: engine.precision))
    }

    private struct NothingRendered: Error, CustomStringConvertible {
        let position: Int

        var description: String { "The engine rendered nothing for position \(position); run `tmdne doctor`." }
    }

    // MARK: - By workers

    /// Serves the sample as a sweep of its own until workers have rendered all of it, each cell by another worker than the
    /// one that made it if there is any, and hands over what came of it.
    ///
    /// The images stay in `verification/` of the sweep's directory unless all of them agree.
    ///
    /// - Throws: What kept it from being served; `ExitCode` when it was interrupted.
    func run(
        listeningOn address: ListenAddress, advertising hosts: [String], logger: Logger,
        _ body: (ImageVerdict) throws -> Void
    ) async throws {
        let again = SweepDirectory(directory.url.appending(path: "verification"))
        // What the last verification left behind.
        if FileManager.default.fileExists(atPath: again.url.path) { try FileManager.default.removeItem(at: again.url) }
        let images = try rows.map { try DescribedImage(of: $0, in: directory).metadata }
        try await SweepRecheck.plan(images, of: directory, in: again)
        try await serve(again, at: address, advertising: hosts, logger: logger)
        var made: [CellKey: GridRow] = [:]
        for row in try SweepReader(again).rows() { made[row.cell] = row }
        var isFine = true
        for row in rows {
            let verdict = try verdict(on: row, by: made[row.cell], in: again)
            isFine = isFine && verdict.isFine
            try body(verdict)
        }
        if isFine { try FileManager.default.removeItem(at: again.url) }
    }

    private func verdict(on row: GridRow, by made: GridRow?, in again: SweepDirectory) throws -> ImageVerdict {
        let first = try DescribedImage(of: row, in: directory)
        guard let made, made.image != nil else {
            return ImageVerdict(
                row, device: first.metadata.device, failure: made?.reason ?? "Nobody rendered it again.")
        }
        return ImageVerdict(row, first, again: try DescribedImage(of: made, in: again), by: made.worker)
    }

    private func serve(
        _ again: SweepDirectory, at address: ListenAddress, advertising hosts: [String], logger: Logger
    ) async throws {
        let finder = finder
        var settings = CoordinatorServer.Settings(program: Program.signature, exitsWhenDone: true)
        settings.advertisedHosts = hosts
        settings.findModel = { try finder.path(of: $0, fingerprint: $1) }
        let server = try await CoordinatorServer.start(
            in: again, plan: nil, host: address.host, port: address.port, settings: settings, logger: logger)
        Console.note("Join workers with this line; it holds the secret:")
        Console.note("tmdne worker \(server.joinToken.text)")
        let services = [
            ServiceGroupConfiguration.ServiceConfiguration(
                service: server, successTerminationBehavior: .gracefullyShutdownGroup)
        ]
        let group = ServiceGroup(
            configuration: .init(services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
        guard try SweepReader(again).status().state == .done else {
            Console.note("The verification was interrupted; nothing is said about the images.")
            throw ExitCode.failure
        }
    }
}
