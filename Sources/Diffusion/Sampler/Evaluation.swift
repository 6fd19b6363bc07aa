/// One evaluation of the UNet and what a sampler does with it.
struct Evaluation: Sendable {
    /// Where the noise of an evaluation comes from.
    enum Noise: Equatable, Sendable {
        /// The next numbers of the cell's generator.
        case fresh
        /// The increment of the cell's Brownian path between two noise levels σ, divided by the root of their distance.
        case brownian(from: Double, to: Double)
    }

    let timestep: Double
    let level: NoiseLevel
    /// Which step of the user's count it belongs to, from 0.
    let step: Int
    /// The latents of the next evaluation, or of the picture.
    let next: Combination
    /// What is kept in place of the latents that were kept before.
    var anchor: Combination?
    /// What is put in front of the memories.
    var remembered: Combination?
    var noise = Noise.fresh
}

/// What all methods make their evaluations from.
struct SamplingPlan: Sendable {
    let settings: SamplerSettings
    let schedule: NoiseSchedule
    let prediction: PredictionType
    /// Of the steps.
    let timesteps: [Double]
    /// Of the steps and the end.
    let levels: [NoiseLevel]
    let eta: Double

    var count: Int { timesteps.count }

    func denoised(at index: Int) -> Combination {
        levels[index].denoised(prediction)
    }

    /// An evaluation at the level of a step.
    func evaluation(
        _ index: Int, next: Combination, anchor: Combination? = nil, remembered: Combination? = nil,
        noise: Evaluation.Noise = .fresh
    ) -> Evaluation {
        Evaluation(
            timestep: timesteps[index], level: levels[index], step: index, next: next, anchor: anchor,
            remembered: remembered, noise: noise)
    }

    /// Increments of a path where the origin of the method has them, fresh noise where diffusers draws it.
    ///
    /// - Parameter isAlwaysBrownian: Whether diffusers follows a path too.
    func noise(from level: NoiseLevel, to next: NoiseLevel, isAlwaysBrownian: Bool = false) -> Evaluation.Noise {
        guard isAlwaysBrownian || settings.convention != .diffusers else { return .fresh }
        return .brownian(from: level.ratio, to: next.ratio)
    }
}
