/// A small picture of an image that is not finished.
package struct PreviewPicture: Equatable, Sendable {
    /// In pixels, at most ``longestSide``.
    package let width: Int
    package let height: Int
    /// 8-bit RGB, `[height, width, 3]`.
    package let pixels: [UInt8]

    /// Of either side, in pixels.
    package static let longestSide = 128

    /// Makes a decoded picture smaller: each pixel is the mean of a square of it. Infinities make `nil`, and so do sides that
    /// are none.
    ///
    /// - Parameters:
    ///   - values: `[height, width, 3]`, about -1 to 1.
    ///   - width: Of the decoded picture.
    ///   - height: Likewise.
    init?(_ values: [Float], width: Int, height: Int) {
        guard width > 0, height > 0, values.count == 3 * width * height else { return nil }
        let square = (max(width, height) + Self.longestSide - 1) / Self.longestSide
        // What is left over at the right and below is less than a square; of a narrow picture all is taken.
        let (columns, rows) = (max(width / square, 1), max(height / square, 1))
        let (squareWidth, squareHeight) = (min(square, width), min(square, height))
        let count = Float(squareWidth * squareHeight)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(3 * columns * rows)
        for row in 0..<rows {
            for column in 0..<columns {
                for colour in 0..<3 {
                    var sum: Float = 0
                    for y in row * square..<row * square + squareHeight {
                        for x in column * square..<column * square + squareWidth {
                            sum += values[3 * (y * width + x) + colour]
                        }
                    }
                    guard sum.isFinite else { return nil }
                    pixels.append(UInt8(min(max(sum / count / 2 + 0.5, 0), 1) * 255))
                }
            }
        }
        (self.width, self.height, self.pixels) = (columns, rows, pixels)
    }
}
