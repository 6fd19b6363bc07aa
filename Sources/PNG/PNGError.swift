/// Why pixels could not become a PNG file, or a file pixels.
package enum PNGError: Error, Equatable, Sendable {
    /// The pixels are not `3 * width * height` bytes, or a side is 0 or beyond 2^31 - 1.
    case invalidSize(width: Int, height: Int, bytes: Int)
    case invalidText(keyword: String, reason: String)
    /// The image would be larger than the caller allows.
    case tooLarge(width: Int, height: Int, maximumPixels: Int)
    /// The bytes are not a sound PNG file; the reason is libpng's.
    case unreadable(reason: String)
    case unwritable(reason: String)
}

extension PNGError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidSize(let width, let height, let bytes):
            "An image of \(width)x\(height) pixels cannot be made of \(bytes) bytes; give 3 bytes a pixel, 1 pixel or more."
        case .invalidText(let keyword, let reason):
            "The text '\(keyword.prefix(80))' cannot be written into a PNG file: \(reason)."
        case .tooLarge(let width, let height, let maximumPixels):
            "The PNG file holds \(width)x\(height) pixels, more than the \(maximumPixels) that are allowed here; take a smaller one."
        case .unreadable(let reason):
            "The file is not a sound PNG image (\(reason)); delete it and make it again."
        case .unwritable(let reason):
            "The PNG image could not be written (\(reason)); free some memory and try again."
        }
    }
}
