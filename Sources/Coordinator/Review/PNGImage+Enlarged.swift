import PNG

extension PNGImage {
    /// The image `factor` times as wide and high, its pixels blended linearly into one another.
    ///
    /// - Throws: `PNGError` when there is no memory.
    func enlarged(by factor: Int) throws(PNGError) -> PNGImage {
        guard factor > 1 else { return self }
        let newWidth = width * factor
        let whole = 2 * factor
        var result = [UInt8](repeating: 0, count: newWidth * height * factor * 3)
        // For each new column or row the old ones that it lies between, and its share of the second.
        let columns = Self.places(width, factor)
        for (y, row) in Self.places(height, factor).enumerated() {
            for (x, column) in columns.enumerated() {
                for colour in 0..<3 {
                    let blended = { (row: Int) in
                        let first = Int(pixels[3 * (row * width + column.first) + colour])
                        let second = Int(pixels[3 * (row * width + column.second) + colour])
                        return first * (whole - column.share) + second * column.share
                    }
                    let sum = blended(row.first) * (whole - row.share) + blended(row.second) * row.share
                    result[3 * (y * newWidth + x) + colour] = UInt8(sum / (whole * whole))
                }
            }
        }
        return try PNGImage(width: newWidth, height: height * factor, pixels: result)
    }

    /// Pixels stand for their centres; shares are counted in parts of `2 * factor`.
    private static func places(_ count: Int, _ factor: Int) -> [(first: Int, second: Int, share: Int)] {
        (0..<count * factor).map { place in
            let doubled = max(0, 2 * place + 1 - factor)
            let first = min(doubled / (2 * factor), count - 1)
            return (first, min(first + 1, count - 1), doubled % (2 * factor))
        }
    }
}
