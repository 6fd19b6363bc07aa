import PNG

extension PNGImage {
    /// The image made smaller, so that its longer side has at most `side` pixels; each pixel is the mean of those that it
    /// covers. An image that fits stays as it is.
    ///
    /// - Throws: `PNGError` when there is no memory.
    func scaled(toFit side: Int) throws(PNGError) -> PNGImage {
        let longest = max(width, height)
        guard longest > side, side > 0 else { return self }
        let newWidth = max(1, width * side / longest)
        let newHeight = max(1, height * side / longest)
        var result = [UInt8](repeating: 0, count: newWidth * newHeight * 3)
        for y in 0..<newHeight {
            let rows = y * height / newHeight..<max((y + 1) * height / newHeight, y * height / newHeight + 1)
            for x in 0..<newWidth {
                let columns = x * width / newWidth..<max((x + 1) * width / newWidth, x * width / newWidth + 1)
                var (red, green, blue) = (0, 0, 0)
                for row in rows {
                    for column in columns {
                        let index = 3 * (row * width + column)
                        red += Int(pixels[index])
                        green += Int(pixels[index + 1])
                        blue += Int(pixels[index + 2])
                    }
                }
                let count = rows.count * columns.count
                let index = 3 * (y * newWidth + x)
                result[index] = UInt8((red + count / 2) / count)
                result[index + 1] = UInt8((green + count / 2) / count)
                result[index + 2] = UInt8((blue + count / 2) / count)
            }
        }
        return try PNGImage(width: newWidth, height: newHeight, pixels: result)
    }
}
