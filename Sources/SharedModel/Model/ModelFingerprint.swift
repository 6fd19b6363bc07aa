/// Names a model by its content.
///
/// A model in one file has that file's SHA-256. One in a folder has the SHA-256 of what `sha256sum` prints for its files, in
/// the order of their names: a line `hash  name` for each. A name alone would let two hosts draw with two models.
package enum ModelFingerprint {
    /// Reads all files of the model, or looks up what they were when they were read before.
    ///
    /// - Parameters:
    ///   - path: A folder in diffusers' layout, or a single `.safetensors` file: of a model, a LoRA or a VAE.
    ///   - hashes: Where the hashes of large files are remembered.
    /// - Returns: 64 lower-case hexadecimal digits.
    /// - Throws: ``SharedModelError`` for a file that is missing or cannot be read.
    package static func compute(of path: String, hashes: FileHashes = FileHashes()) throws -> String {
        try ModelManifest(of: path, hashes: hashes).fingerprint
    }
}
