/// What the program says of itself: in hellos, in the images' metadata and on the command line.
package enum Program {
    /// Semantic version.
    package static let version = "0.1.0"
    /// Name and version as metadata carries them.
    package static let signature = "tmdne \(version)"
}
