/// A weighted sum of what a sampler's run knows after an evaluation.
///
/// Once the noise levels are known, every sampler here is a sequence of such sums, so that the formulas can be written as
/// in the papers, and are worked out before the first evaluation:
///
///     let next = level.denoised(.epsilon) * next.alpha + level.noise(.epsilon) * next.sigma
struct Combination: Equatable, Sendable {
    /// Latents that were evaluated, the prediction, kept latents, fresh noise, and four memories.
    private(set) var weights: SIMD8<Double>

    private init(_ weights: SIMD8<Double>) {
        self.weights = weights
    }

    private init(lane: Int) {
        weights = .zero
        weights[lane] = 1
    }

    static let nothing = Combination(.zero)
    /// The latents that went into the evaluation, before they were scaled for the UNet.
    static let latents = Combination(lane: 0)
    /// What the UNet gave, after guidance.
    static let prediction = Combination(lane: 1)
    /// The latents that ``Evaluation/anchor`` kept last.
    static let anchor = Combination(lane: 2)
    /// Noise of standard normal numbers, drawn if it has a weight.
    static let noise = Combination(lane: 3)
    /// What ``Evaluation/remembered`` gave before this evaluation: 0 for the last time, 1 for the time before, up to 3.
    static func memory(_ age: Int) -> Combination {
        Combination(lane: 4 + age)
    }

    static let memoryCount = 4

    static func + (first: Combination, second: Combination) -> Combination {
        Combination(first.weights + second.weights)
    }

    static func - (first: Combination, second: Combination) -> Combination {
        Combination(first.weights - second.weights)
    }

    static func * (combination: Combination, weight: Double) -> Combination {
        Combination(combination.weights * weight)
    }

    static func / (combination: Combination, divisor: Double) -> Combination {
        Combination(combination.weights / divisor)
    }

    var latentsWeight: Float { Float(weights[0]) }
    var predictionWeight: Float { Float(weights[1]) }
    var anchorWeight: Float { Float(weights[2]) }
    var noiseWeight: Float { Float(weights[3]) }
    func memoryWeight(_ age: Int) -> Float { Float(weights[4 + age]) }
}
