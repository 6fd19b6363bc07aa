import Coordinator
import Foundation
import PNG
import SharedModel

/// What came of rendering a finished cell again.
struct ImageVerdict: Encodable {
    enum Outcome: String, Encodable {
        case equal
        /// Not equal, but as like as another instruction set makes it.
        case alike
        case different
        /// It could not be rendered again.
        case failed
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
    /// The worker that rendered it again; `nil`: this host.
    var verifier: String?
    var outcome: Outcome
    /// In dB; not there for equal pixels.
    var likeness: Double?
    /// Why it could not be rendered.
    var reason: String?

    var isFine: Bool { outcome == .equal || outcome == .alike }

    var line: String {
        let what =
            "position \(position), cell \(cell.hex.prefix(10)), from \(worker ?? "an unknown worker") on \(device)"
        let again = verifier.map { $0 == worker ? ", rendered again by itself" : ", rendered again by \($0)" } ?? ""
        if let reason { return "FAILED   \(what): \(reason)" }
        return "DIFFERS  \(what)\(again)" + (likeness.map { ": \(ProgressText.rounded($0)) dB" } ?? ": another size")
    }

    /// Judges an image that was rendered again.
    ///
    /// - Parameters:
    ///   - row: The finished cell.
    ///   - first: The image that it has.
    ///   - again: The other one; `device`, `precision` and `program` say what made it.
    ///   - verifier: The worker that made the other one.
    init(_ row: GridRow, _ first: DescribedImage, again: DescribedImage, by verifier: String?) {
        let likeness = first.image.peakSignalToNoise(of: again.image)
        let least = first.metadata.hasArithmetic(of: again.metadata) ? .infinity : Self.leastLikeness
        position = row.position
        cell = row.cell
        worker = row.worker
        device = first.metadata.device
        self.verifier = verifier
        outcome = likeness == .infinity ? .equal : likeness ?? 0 >= least ? .alike : .different
        self.likeness = likeness.flatMap { $0.isFinite ? $0 : nil }
    }

    /// A cell that could not be rendered again.
    init(_ row: GridRow, device: String, failure: String) {
        position = row.position
        cell = row.cell
        worker = row.worker
        self.device = device
        outcome = .failed
        reason = failure
    }
}

/// An image and what it says of itself.
struct DescribedImage {
    var image: PNGImage
    var metadata: ImageMetadata

    init(image: PNGImage, metadata: ImageMetadata) {
        self.image = image
        self.metadata = metadata
    }

    /// The image of a row of a sweep.
    ///
    /// - Throws: What keeps it from being read; an image that says nothing of itself can't be verified.
    init(of row: GridRow, in directory: SweepDirectory) throws {
        let path = directory.url.appending(path: row.image ?? "")
        let (image, texts) = try PNGImage.decode(
            Array(try Data(contentsOf: path)), maximumPixels: ImageSize.sides.upperBound * ImageSize.sides.upperBound)
        guard let chunk = texts.first(where: { $0.keyword == ImageMetadata.keyword }) else {
            throw SilentImage(path: path.relativePath)
        }
        self.init(image: image, metadata: try ImageMetadata(json: chunk.text))
    }

    private struct SilentImage: Error, CustomStringConvertible {
        let path: String

        var description: String {
            "\(path) does not say how it was made; verify a sweep that tmdne's own workers made."
        }
    }
}

extension ImageMetadata {
    /// Whether what made two images adds in the same order, so that every pixel must be the same.
    fileprivate func hasArithmetic(of other: ImageMetadata) -> Bool {
        Self.instructionSet(of: device) == Self.instructionSet(of: other.device) && precision == other.precision
            && program == other.program
    }

    /// A device's name without its threads, which change no pixel: `cpu (AVX-512, 2 threads)` is `cpu (AVX-512`.
    private static func instructionSet(of device: String) -> Substring {
        device.lastIndex(of: ",").map { device[..<$0] } ?? device[...]
    }
}
