import Diffusion
import SharedModel
import Worker

/// Engines that render finished images again, in the precision that each was rendered in.
final class RecipeEngines {
    private let finder: ModelFinder
    private var engines: [Precision: DiffusionEngine] = [:]

    init(finder: ModelFinder) {
        self.finder = finder
    }

    /// The engine for an image; models stay loaded from one image to the next.
    func engine(for metadata: ImageMetadata) throws -> DiffusionEngine {
        // An image of an engine that is not ours is rendered as well as we can.
        let precision = Precision(rawValue: metadata.precision) ?? .fp32
        if let engine = engines[precision] { return engine }
        let finder = finder
        let engine = DiffusionEngine(
            device: try CPUDevice(precision: precision),
            findFile: { name, fingerprint in try finder.path(of: name, fingerprint: fingerprint) },
            findModel: { name, fingerprint in try ModelOpener.open(finder.path(of: name, fingerprint: fingerprint)) })
        engines[precision] = engine
        return engine
    }
}
