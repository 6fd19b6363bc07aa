import SharedModel
import Worker

/// Finds what an image was made from by its content: where sweeps look for it, and among what this host's workers got from
/// coordinators.
struct ModelFinder: Sendable {
    let locator: ModelLocator
    var cache = ModelCache(cache: CacheFolder.path(), link: nil)

    /// Finds a model, LoRA or VAE.
    ///
    /// - Parameters:
    ///   - name: What the sweep file calls it; tells where to look first.
    ///   - fingerprint: Decides.
    /// - Returns: Its path.
    /// - Throws: ``SharedModelError`` with the places that were looked at.
    func path(of name: String, fingerprint: String) throws -> String {
        do {
            return try locator.locate(name, fingerprint: fingerprint)
        } catch let error as SharedModelError {
            guard let kept = cache.kept(fingerprint) else { throw error }
            return kept
        }
    }
}
