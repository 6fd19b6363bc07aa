/// The limits of the wire, checked before anything is buffered, computed with or stored.
package enum WireLimits {
    /// Version of the protocol in hello and welcome.
    package static let protocolVersion = 2
    /// Longest frame, type byte and payload, before a worker is let in.
    package static let unauthenticatedFrameBytes = 1024
    /// Longest control frame after that, type byte and payload.
    package static let controlFrameBytes = 256 * 1024
    /// Longest payload of a chunk.
    package static let chunkBytes = 64 * 1024
    /// Longest image of all: that of the largest size.
    package static let imageBytes = imageBytes(width: imageSide, height: imageSide)
    /// Most files of one model.
    package static let modelFiles = 1024
    /// Longest file of a model, in bytes: 1 TiB.
    package static let modelFileBytes = 1 << 40
    /// Most memory that a worker may tell, in bytes: 1 PiB.
    package static let memoryBytes = 1 << 50
    /// Most families of models that a worker may tell.
    package static let families = 16
    /// Most positions or cells that a report may tell.
    package static let positions = 1 << 40
    /// Longest name of a worker, in bytes of UTF-8.
    package static let nameBytes = 64
    /// Longest description of a device, in bytes of UTF-8.
    package static let deviceBytes = 128
    /// Longest reason, in bytes of UTF-8.
    package static let reasonBytes = 1024
    /// Longest prompt, negative prompt or style name of a cell, in bytes of UTF-8.
    package static let promptBytes = 16 * 1024
    /// Most leases that a worker may hold, and so name in a hello.
    package static let leases = 8
    /// Most cells of one grant.
    package static let grantedCells = 256
    /// Widest and highest image, in pixels.
    package static let imageSide = 16_384
    /// Widest and highest preview, in pixels.
    package static let previewSide = 128
    /// Most sampler steps.
    package static let steps = 10_000
    /// Longest time that a message may name, in seconds: a day.
    package static let seconds = 86_400.0

    /// Longest PNG file of a size in pixels: 8-bit RGB that can't be compressed, a 64th for what the format puts around
    /// it (deflate and chunks take about a 500th), and 1 MiB for the metadata.
    ///
    /// - Parameters:
    ///   - width: In pixels, 1 to ``imageSide``; what is outside counts as the nearest that is inside.
    ///   - height: Likewise.
    /// - Returns: Its length in bytes.
    package static func imageBytes(width: Int, height: Int) -> Int {
        let rowBytes = 1 + 3 * min(max(width, 1), imageSide)
        let pixels = rowBytes * min(max(height, 1), imageSide)
        return pixels + pixels / 64 + 1024 * 1024
    }
}
