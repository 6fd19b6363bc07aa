/// The limits of the wire, checked before anything is buffered.
package enum WireLimits {
    /// Version of the protocol in hello and welcome.
    package static let protocolVersion = 1
    /// Longest frame, type byte and payload, before a worker is let in.
    package static let unauthenticatedFrameBytes = 1024
    /// Longest control frame after that.
    package static let controlFrameBytes = 256 * 1024
    /// Longest payload of a chunk.
    package static let chunkBytes = 64 * 1024
    /// Longest image.
    package static let imageBytes = 16 * 1024 * 1024
}
