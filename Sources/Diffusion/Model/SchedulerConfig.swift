/// The noise that a model was trained with, from `scheduler/scheduler_config.json`.
///
/// Whichever scheduler class wrote the file, only what all of them share is read: the sampler is the user's choice.
package struct SchedulerConfig: Equatable, Sendable {
    package enum BetaSchedule: String, CaseIterable, Sendable {
        case linear
        /// Linear in the square root.
        case scaledLinear = "scaled_linear"
    }

    /// How a few steps are chosen among the trained ones: Table 2 of <https://arxiv.org/abs/2305.08891>.
    package enum TimestepSpacing: String, CaseIterable, Sendable {
        case leading
        case linspace
        case trailing
    }

    /// Number of noise levels in training.
    package let trainedTimestepCount: Int
    package let betaStart: Double
    package let betaEnd: Double
    package let betaSchedule: BetaSchedule
    package let timestepSpacing: TimestepSpacing
    /// Added to every timestep with ``TimestepSpacing/leading``.
    package let stepsOffset: Int
    /// Whether DDIM ends without any noise, instead of with that of the first trained level.
    package let setAlphaToOne: Bool
    /// What the UNet's result means.
    package var predictionType: PredictionType
    /// Whether the trained noise levels were rescaled so that the last one leaves nothing of the image: Algorithm 1 of
    /// <https://arxiv.org/abs/2305.08891>.
    package var hasZeroTerminalSNR: Bool
}

extension SchedulerConfig {
    /// Reads the config at `path`.
    ///
    /// The files of Stable Diffusion 1.x are older than some keys, whose defaults are therefore those of its pipeline.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing, contradicts itself or asks for what is not supported.
    package init(path: String) throws(DiffusionError) {
        try self.init(ConfigFile(path: path))
    }

    /// Reads the config of a file, or what stands for one where a model has none.
    init(_ file: ConfigFile) throws(DiffusionError) {
        predictionType = try file.choice("prediction_type", default: .epsilon)
        hasZeroTerminalSNR = try file.bool("rescale_betas_zero_snr", default: false)
        try file.refuse("trained_betas")
        for key in ["clip_sample", "thresholding", "use_flow_sigmas"] {
            try file.refuse(key, unless: .bool(false))
        }
        trainedTimestepCount = try file.integer("num_train_timesteps", in: 2...100_000, default: 1000)
        betaStart = try file.number("beta_start", in: 1e-9...0.999, default: 0.00085)
        betaEnd = try file.number("beta_end", in: 1e-9...0.999, default: 0.012)
        betaSchedule = try file.choice("beta_schedule", default: .scaledLinear)
        timestepSpacing = try file.choice("timestep_spacing", default: .leading)
        stepsOffset = try file.integer("steps_offset", in: 0...(trainedTimestepCount - 1), default: 1)
        setAlphaToOne = try file.bool("set_alpha_to_one", default: false)
        guard betaStart <= betaEnd else {
            throw file.invalid("beta_end", "is \(betaEnd), which is less than beta_start \(betaStart)")
        }
        // Every sampler divides by a level or by the difference of two.
        let sigmas = NoiseSchedule(self).sigmas
        guard sigmas[0] > 0, sigmas[sigmas.count - 1].isFinite, zip(sigmas, sigmas.dropFirst()).allSatisfy(<) else {
            throw file.invalid("beta_start", "and beta_end give noise levels that single precision cannot tell apart")
        }
    }
}
