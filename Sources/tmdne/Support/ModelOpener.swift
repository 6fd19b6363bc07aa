import Diffusion
import SharedModel

/// Opens models, in whatever form people have them.
enum ModelOpener {
    /// Opens a folder in diffusers' layout, or a single `.safetensors` file.
    ///
    /// - Throws: ``DiffusionError`` when it is no model that can be rendered with.
    static func open(_ path: String) throws -> any ModelFiles {
        guard path.hasSuffix(".safetensors") else { return try ModelFolder(path: path) }
        return try Checkpoint(path: path, clipMerges: CLIPMerges.installed())
    }
}
