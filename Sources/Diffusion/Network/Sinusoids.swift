import Foundation

/// A number as sines and cosines of falling frequencies (Vaswani et al. 2017, as Ho et al. 2020 use them).
struct Sinusoids {
    /// How many sines and cosines together; even.
    let width: Int
    let isCosineFirst: Bool
    /// Subtracted from the number of frequencies in the exponent's denominator.
    let shift: Double
    /// Whether the exponent's steps are rounded before they are counted, instead of after: that of the guidance scale.
    var isStepRounded = false

    /// diffusers' `get_timestep_embedding`, in single precision as there: sines of thousands show every rounding.
    func callAsFunction(_ value: Float) -> [Float] {
        let half = width / 2
        let (range, count) = (Float(-log(10_000.0)), Float(Double(half) - shift))
        let angles = (0..<half).map { index in
            value * exp(isStepRounded ? Float(index) * (range / count) : range * Float(index) / count)
        }
        let (sines, cosines) = (angles.map { Float(sin(Double($0))) }, angles.map { Float(cos(Double($0))) })
        return isCosineFirst ? cosines + sines : sines + cosines
    }
}
