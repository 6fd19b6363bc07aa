/// Names a model by its content.
///
/// SHA-256 of what `sha256sum` prints for the model's files, in the order of their names: a line `hash  name` for each.
/// A name alone would let two hosts draw with two models.
package enum ModelFingerprint {
    /// Reads all files of the model, 1 MiB at a time.
    ///
    /// - Parameter path: A folder in diffusers' layout, or a single `.safetensors` file.
    /// - Returns: 64 lower-case hexadecimal digits.
    /// - Throws: ``SharedModelError`` for a file that is missing or cannot be read.
    package static func compute(of path: String) throws -> String {
        try ModelManifest(of: path).fingerprint
    }
}
