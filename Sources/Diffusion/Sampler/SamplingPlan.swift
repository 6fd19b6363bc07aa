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
    /// With `isAlwaysBrownian`, diffusers follows a path too.
    func noise(from level: NoiseLevel, to next: NoiseLevel, isAlwaysBrownian: Bool = false) -> Evaluation.Noise {
        guard isAlwaysBrownian || settings.convention != .diffusers else { return .fresh }
        return .brownian(from: level.ratio, to: next.ratio)
    }
}
