import Foundation

extension PNGImage {
    /// Peak signal-to-noise ratio of the other image in decibels, over all channels; infinite for equal pixels.
    ///
    /// 10 log10(255² / MSE); about 50 dB is a difference of one in every other value, which nobody sees.
    ///
    /// - Returns: `nil` for images of different sizes.
    package func peakSignalToNoise(of other: PNGImage) -> Double? {
        guard width == other.width, height == other.height else { return nil }
        var sum = 0
        for (first, second) in zip(pixels, other.pixels) {
            let difference = Int(first) - Int(second)
            sum += difference * difference
        }
        guard sum > 0 else { return .infinity }
        return 10 * log10(255 * 255 * Double(pixels.count) / Double(sum))
    }
}
