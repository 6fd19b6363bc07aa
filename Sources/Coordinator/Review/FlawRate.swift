/// How many of the judged images were thrown out, with what that says of all images like them.
package struct FlawRate: Equatable, Sendable {
    package var judged = 0
    package var flawed = 0

    package init(judged: Int = 0, flawed: Int = 0) {
        self.judged = judged
        self.flawed = flawed
    }

    /// Share of flawed images; `nil` while none is judged.
    package var share: Double? {
        judged > 0 ? Double(flawed) / Double(judged) : nil
    }

    /// The 95 % score interval (Wilson, "Probable inference, the law of succession, and statistical inference", 1927):
    /// unlike the textbook's it is sound for few images and for shares near 0 and 1. `nil` while none is judged.
    package var interval: ClosedRange<Double>? {
        guard let share else { return nil }
        let count = Double(judged)
        let quantile = 1.959963984540054
        let square = quantile * quantile
        let scale = 1 + square / count
        let center = (share + square / (2 * count)) / scale
        let half = quantile / scale * (share * (1 - share) / count + square / (4 * count * count)).squareRoot()
        return max(0, center - half)...min(1, center + half)
    }
}
