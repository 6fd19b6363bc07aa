import Glibc

/// The symmetric beta distribution over 0 to 1.
struct BetaDistribution: Sendable {
    /// Both of its parameters.
    let shape: Double

    /// The value that the share `probability` of the distribution lies below, to the last bits of a double.
    ///
    /// Halves the interval: the distribution function is monotonous, and a schedule asks a few dozen times.
    func quantile(_ probability: Double) -> Double {
        guard probability > 0 else { return 0 }
        guard probability < 1 else { return 1 }
        // The density is infinite at 1, where values have few bits; near 0 they have many.
        if probability > 0.5 { return 1 - quantile(1 - probability) }
        var (low, high) = (0.0, 0.5)
        for _ in 0..<200 {
            let middle = (low + high) / 2
            guard middle > low, middle < high else { break }
            if cumulative(middle) < probability { low = middle } else { high = middle }
        }
        return (low + high) / 2
    }

    /// The regularised incomplete beta function at `x` up to 0.5, from its power series (DLMF 8.17.7).
    private func cumulative(_ x: Double) -> Double {
        // Σ (1 − b)ₙ / (n! (a + n)) xⁿ times xᵃ / B(a, b); with x up to a half, each term is less than half the one before.
        var coefficient = 1.0
        var sum = 1 / shape
        for n in 1...80 {
            let n = Double(n)
            coefficient *= (n - shape) / n * x
            sum += coefficient / (shape + n)
        }
        let logBeta = 2 * lgamma(shape) - lgamma(2 * shape)
        return exp(shape * log(x) - logBeta) * sum
    }
}
