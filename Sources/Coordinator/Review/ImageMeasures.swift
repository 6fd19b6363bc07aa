import GRDB
package import PNG

/// What can be measured of an image's pixels: hints at flaws, no verdicts.
package struct ImageMeasures: Codable, Equatable, Sendable {
    /// Standard deviation of the luma (RMS contrast), from 0 to 0.5.
    package var contrast: Double
    /// Variance of the luma's Laplacian, in squared steps of 255: low where an image is blurred (Pech-Pacheco et al.,
    /// "Diatom autofocusing in brightfield microscopy", ICPR 2000).
    package var sharpness: Double
    /// Share of pixels of which every colour is at least ``highlight``.
    package var highlights: Double
    /// Share of pixels of which no colour is above ``shadow``.
    package var shadows: Double
    /// Mean distance of a pixel's strongest colour from its weakest, from 0 to 1.
    package var saturation: Double

    /// From where on a pixel counts as white; compression and resampling keep few at 255.
    private static let highlight: UInt8 = 250
    /// Up to where a pixel counts as black.
    private static let shadow: UInt8 = 5

    package init(contrast: Double, sharpness: Double, highlights: Double, shadows: Double, saturation: Double) {
        self.contrast = contrast
        self.sharpness = sharpness
        self.highlights = highlights
        self.shadows = shadows
        self.saturation = saturation
    }

    /// Measures an image; one that is narrower or lower than 3 pixels has no sharpness.
    package init(_ image: PNGImage) {
        let count = image.width * image.height
        var luma = [Float](repeating: 0, count: count)
        var (sum, squares, chroma) = (0.0, 0.0, 0)
        var (white, black) = (0, 0)
        image.pixels.withUnsafeBufferPointer { pixels in
            for index in 0..<count {
                let (red, green, blue) = (pixels[3 * index], pixels[3 * index + 1], pixels[3 * index + 2])
                // ITU-R BT.709, on the coded values as a display's luma is.
                let value = 0.2126 * Float(red) + 0.7152 * Float(green) + 0.0722 * Float(blue)
                luma[index] = value
                sum += Double(value)
                squares += Double(value) * Double(value)
                let (low, high) = (min(red, green, blue), max(red, green, blue))
                chroma += Int(high - low)
                if low >= Self.highlight { white += 1 }
                if high <= Self.shadow { black += 1 }
            }
        }
        let pixels = Double(max(count, 1))
        let mean = sum / pixels
        contrast = max(0, squares / pixels - mean * mean).squareRoot() / 255
        sharpness = Self.laplacianVariance(luma, width: image.width, height: image.height)
        highlights = Double(white) / pixels
        shadows = Double(black) / pixels
        saturation = Double(chroma) / pixels / 255
    }

    private static func laplacianVariance(_ luma: [Float], width: Int, height: Int) -> Double {
        guard width > 2, height > 2 else { return 0 }
        var (sum, squares) = (0.0, 0.0)
        luma.withUnsafeBufferPointer { luma in
            for y in 1..<height - 1 {
                for index in y * width + 1..<(y + 1) * width - 1 {
                    let neighbours = luma[index - 1] + luma[index + 1] + luma[index - width] + luma[index + width]
                    let value = Double(neighbours - 4 * luma[index])
                    sum += value
                    squares += value * value
                }
            }
        }
        let count = Double((width - 2) * (height - 2))
        return max(0, squares / count - (sum / count) * (sum / count))
    }

    /// The measures of a row that has them.
    init?(_ row: Row) {
        guard let contrast = row["contrast"] as Double? else { return nil }
        self.init(
            contrast: contrast, sharpness: row["sharpness"], highlights: row["highlights"], shadows: row["shadows"],
            saturation: row["saturation"])
    }
}
