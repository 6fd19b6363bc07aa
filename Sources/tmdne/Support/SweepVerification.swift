import Coordinator
import Diffusion
import Foundation
import PNG
import SharedModel
import Worker

/// What came of rendering a finished cell again.
struct ImageVerdict: Encodable {
    enum Outcome: String, Encodable {
        case equal
        /// Not equal, but as like as another instruction set makes it.
        case alike
        case different
    }

    /// Peak signal-to-noise ratio in dB that images of different instruction sets have at the least.
    ///
    /// Measured between AVX-512 with bf16, AVX2 and SSE4.1 with the built-in model: 79 dB and more.
    static let leastLikeness = 40.0

    var position: Int
    var cell: CellKey
    var worker: String?
    /// What rendered it, as the image says.
    var device: String
    var outcome: Outcome
    /// In dB; not there for equal pixels.
    var likeness: Double?

    var isFine: Bool { outcome != .different }

    var line: String {
        "DIFFERS  position \(position), cell \(cell.hex.prefix(10)), from \(worker ?? "an unknown worker") on \(device)"
            + (likeness.map { ": \(ProgressText.rounded($0)) dB" } ?? ": another size")
    }
}

/// Renders a sample of a sweep's finished cells again with the engine of this host.
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

    /// Renders every cell of the sample and hands over what came of it.
    func run(_ body: (ImageVerdict) throws -> Void) throws {
        let folder = directory.rememberedOrigin.map { URL(filePath: $0).deletingLastPathComponent().path }
        let locator = ModelLocator(sweepFolder: folder)
        let engine = DiffusionEngine(
            device: try CPUDevice(),
            findFile: { name, fingerprint in try locator.locate(name, fingerprint: fingerprint) },
            findModel: { name, fingerprint in try ModelOpener.open(locator.locate(name, fingerprint: fingerprint)) })
        for row in rows { try body(try verify(row, with: engine)) }
    }

    private func verify(_ row: GridRow, with engine: DiffusionEngine) throws -> ImageVerdict {
        let path = directory.url.appending(path: row.image ?? "")
        let (image, texts) = try PNGImage.decode(
            Array(try Data(contentsOf: path)), maximumPixels: ImageSize.sides.upperBound * ImageSize.sides.upperBound)
        guard let chunk = texts.first(where: { $0.keyword == ImageMetadata.keyword }) else {
            throw SilentImage(path: path.relativePath)
        }
        let metadata = try ImageMetadata(json: chunk.text)
        let axes = metadata.axes
        let granted = GrantedCell(
            key: metadata.key, cell: metadata.cell, position: metadata.position, rawPrompt: axes.prompt,
            rawNegativePrompt: axes.negativePrompt, style: axes.style, files: metadata.files ?? [:])
        try engine.prepare(model: axes.model, for: granted)
        var again: PNGImage?
        try engine.render([granted], progress: { _ in true }) { rendered in
            again = try PNGImage(width: rendered.width, height: rendered.height, pixels: rendered.pixels)
        }
        let likeness = again.flatMap(image.peakSignalToNoise)
        let isSameArithmetic =
            Self.instructionSet(of: metadata.device) == Self.instructionSet(of: engine.device)
            && metadata.precision == engine.precision && metadata.program == Program.signature
        let least = isSameArithmetic ? .infinity : ImageVerdict.leastLikeness
        return ImageVerdict(
            position: row.position, cell: row.cell, worker: row.worker, device: metadata.device,
            outcome: likeness == .infinity ? .equal : likeness ?? 0 >= least ? .alike : .different,
            likeness: likeness.flatMap { $0.isFinite ? $0 : nil })
    }

    /// A device's name without its threads, which change no pixel: `cpu (AVX-512, 2 threads)` is `cpu (AVX-512`.
    private static func instructionSet(of device: String) -> Substring {
        device.lastIndex(of: ",").map { device[..<$0] } ?? device[...]
    }

    private struct SilentImage: Error, CustomStringConvertible {
        let path: String

        var description: String {
            "\(path) does not say how it was made; verify a sweep that tmdne's own workers made."
        }
    }
}
