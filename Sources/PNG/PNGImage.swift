/// An 8-bit RGB image without alpha.
package struct PNGImage: Equatable, Sendable {
    package let width: Int
    package let height: Int
    /// `[height, width, 3]`, row-major, red first.
    package let pixels: [UInt8]

    /// - Throws: ``PNGError/invalidSize(width:height:bytes:)`` unless there are 3 bytes for each of at least one pixel.
    package init(width: Int, height: Int, pixels: [UInt8]) throws(PNGError) {
        let sides = 1...Int(Int32.max)
        guard sides.contains(width), sides.contains(height) else {
            throw .invalidSize(width: width, height: height, bytes: pixels.count)
        }
        let (area, isTooWide) = width.multipliedReportingOverflow(by: height)
        let (bytes, isTooLarge) = area.multipliedReportingOverflow(by: 3)
        guard !isTooWide, !isTooLarge, bytes == pixels.count else {
            throw .invalidSize(width: width, height: height, bytes: pixels.count)
        }
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}
