import Foundation
import PNG
import SharedModel
import Worker

/// Renders images again from their metadata; models stay loaded from one image to the next.
final class ImageVerifier {
    /// How an image compares with its own recipe.
    struct Verdict: Encodable {
        let image: String
        let isSame: Bool
        /// The greatest difference of a pixel, of 255 levels; `nil` when nothing could be compared.
        var greatestDifference: Int?
        /// Peak signal-to-noise ratio; `nil` for equal pixels, which have no noise.
        var decibels: Double?
        /// What rendered the image, if it was something else.
        var renderedOn: String?
        /// Why nothing could be compared.
        var problem: String?

        var line: String {
            if let problem { return "\(image): \(problem)" }
            let place = renderedOn.map { "; it was rendered on \($0)" } ?? ""
            guard let greatestDifference, greatestDifference > 0 else { return "\(image): the same pixels" }
            let ratio = decibels.map { String(format: ", %.1f dB", $0) } ?? ""
            return "\(image): pixels differ by up to \(greatestDifference) of 255 levels\(ratio)\(place)"
        }
    }

    private let engines = RecipeEngines(finder: ModelFinder(locator: ModelLocator()))
    /// Above every image that a sweep can ask for.
    private static let maximumPixels = ImageSize.sides.upperBound * ImageSize.sides.upperBound

    /// Compares the image at `path` with what its metadata gives here.
    func verify(_ path: String, tolerance: Int) -> Verdict {
        do {
            let (image, metadata) = try Self.read(path)
            let engine = try engines.engine(for: metadata)
            let pixels = try render(metadata, with: engine)
            guard pixels.count == image.pixels.count else {
                return Verdict(
                    image: path, isSame: false, problem: "its size is not the one that it says; it was edited")
            }
            let greatest = zip(pixels, image.pixels).reduce(0) { max($0, abs(Int($1.0) - Int($1.1))) }
            let isElsewhere = metadata.device != engine.device || metadata.precision != engine.precision
            return Verdict(
                image: path, isSame: greatest <= tolerance, greatestDifference: greatest,
                decibels: Self.decibels(pixels, image.pixels),
                renderedOn: isElsewhere ? "\(metadata.device), \(metadata.precision)" : nil)
        } catch {
            return Verdict(image: path, isSame: false, problem: "\(error)")
        }
    }

    private static func read(_ path: String) throws -> (PNGImage, ImageMetadata) {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw SharedModelError.unreadable(path: path, reason: "it is missing or no file")
        }
        let (image, texts) = try PNGImage.decode(Array(bytes), maximumPixels: maximumPixels)
        guard let json = texts.first(where: { $0.keyword == ImageMetadata.keyword })?.text else {
            throw SharedModelError.metadata(problem: "there is none; only images that tmdne rendered can be verified")
        }
        let metadata = try ImageMetadata(json: json)
        guard metadata.cell.width == image.width, metadata.cell.height == image.height,
            Sweep.stepsBounds.contains(metadata.cell.steps)
        else { throw SharedModelError.metadata(problem: "its size or its number of steps is not the image's") }
        return (image, metadata)
    }

    private func render(_ metadata: ImageMetadata, with engine: DiffusionEngine) throws -> [UInt8] {
        let granted = GrantedCell(
            key: metadata.key, cell: metadata.cell, position: metadata.position, rawPrompt: metadata.axes.prompt,
            rawNegativePrompt: metadata.axes.negativePrompt, style: metadata.axes.style, files: metadata.files ?? [:])
        var pixels: [UInt8] = []
        try engine.prepare(model: metadata.axes.model, for: granted)
        try engine.render([granted], progress: { _ in true }) { pixels = $0.pixels }
        return pixels
    }

    private static func decibels(_ first: [UInt8], _ second: [UInt8]) -> Double? {
        let squares = zip(first, second).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - Double(pair.1)
            return sum + difference * difference
        }
        guard squares > 0 else { return nil }
        return 10 * log10(255 * 255 * Double(first.count) / squares)
    }
}
