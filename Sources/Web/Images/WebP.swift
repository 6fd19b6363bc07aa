import CWebP
import PNG

/// WebP files; libwebp's memory does not leave this file.
enum WebP {
    /// Writes an image as a lossy WebP file.
    ///
    /// - Parameters:
    ///   - image: At most 16,383 pixels wide and high, as the format has it.
    ///   - quality: From 0 to 100.
    /// - Returns: The file's bytes.
    /// - Throws: ``WebError/unreadableImage(_:)`` when the image is too large or memory runs out.
    static func encode(_ image: PNGImage, quality: Float) throws(WebError) -> [UInt8] {
        let side = 1...Int(WEBP_MAX_DIMENSION)
        guard side.contains(image.width), side.contains(image.height) else {
            throw .unreadableImage("it is \(image.width)x\(image.height), more than a WebP file holds")
        }
        var output: UnsafeMutablePointer<UInt8>?
        let count = image.pixels.withUnsafeBufferPointer { pixels in
            WebPEncodeRGB(
                pixels.baseAddress, Int32(image.width), Int32(image.height), Int32(image.width * 3), quality, &output)
        }
        defer { WebPFree(output) }
        guard let output, count > 0 else { throw .unreadableImage("libwebp could not encode it") }
        return Array(UnsafeBufferPointer(start: output, count: count))
    }
}
