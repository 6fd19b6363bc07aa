/// A sampler with its noise levels, for a given number of steps.
///
/// A sampler is a value without memory, so that cells share it; what one cell's run must remember is in its
/// ``SamplerState``.
///
///     var noise = sampler.makeNoise(seed: seed, source: .torchCPU)
///     var latents = noise.normals(count).map { $0 * sampler.initialNoiseScale }
///     var state = sampler.makeState()
///     for index in sampler.timesteps.indices {
///         let prediction = unet(latents.map { $0 * sampler.inputScale(at: index) }, sampler.timesteps[index], …)
///         let fresh = sampler.noise(at: index, count: count, from: &noise)
///         sampler.step(index, prediction: prediction, noise: fresh, latents: &latents, state: &state)
///     }
package struct Sampler: Sendable {
    package let settings: SamplerSettings
    /// What the UNet is given in each evaluation; methods of second order take up to two a step.
    package let timesteps: [Float]
    /// What standard-normal noise is multiplied with to begin.
    package let initialNoiseScale: Float
    /// The noise σ, for an image of full strength, before each step and after the last.
    package let sigmas: [Float]
    private let evaluations: [Evaluation]
    private let sums: [Sums]
    /// What the image is taken for in each evaluation.
    private let images: [[SamplerState.Term]]

    /// Computes the steps.
    ///
    /// - Parameters:
    ///   - settings: the method, its layout of noise levels, and whose habits it follows.
    ///   - schedule: the noise levels and the prediction type that the model was trained with.
    ///   - count: the number of steps, as users count them.
    ///   - isXL: whether the model is of Stable Diffusion XL's family, which ``NoiseLayout/ays`` has levels of its own for.
    /// - Throws: ``DiffusionError/invalidSteps(_:allowed:)`` unless there are 1 to as many steps as were trained, and
    ///   ``DiffusionError/unusablePrediction(sampler:)`` for noise predictions where the noise leaves nothing of the image.
    package init(
        _ settings: SamplerSettings, schedule: NoiseSchedule, steps count: Int, isXL: Bool = false
    ) throws(DiffusionError) {
        let trained = schedule.config.trainedTimestepCount
        let isDistilled = (settings.kind == .lcm && settings.layout == nil) || settings.kind == .tcd
        let most = isDistilled ? min(Self.distilledSteps, trained) : trained
        guard (1...most).contains(count) else { throw .invalidSteps(count, allowed: 1...most) }
        let plan: SamplingPlan
        switch settings.kind {
        case .lcm where settings.layout != nil, .euler, .eulerAncestral, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmpp2m,
            .dpmpp2mSDE, .dpmppSDE, .dpmpp3mSDE, .unipc:
            plan = Self.planOnLevels(settings, schedule: schedule, count: count, isXL: isXL)
        case .ddim, .pndm, .lcm, .tcd:
            plan = Self.planOnTimesteps(settings, schedule: schedule, count: count)
        }
        if plan.prediction == .epsilon, plan.levels.contains(where: { $0.alpha == 0 }) {
            throw .unusablePrediction(sampler: settings.kind.rawValue)
        }
        evaluations = Self.evaluations(plan)
        sums = evaluations.map(Sums.init)
        images = evaluations.map { SamplerState.terms($0.level.denoised(plan.prediction)) }
        // With leading spacing and about as many steps as trained ones, the offset leads beyond these.
        timesteps = evaluations.map { evaluation in Float(min(evaluation.timestep, Double(trained - 1))) }
        sigmas = plan.levels.map { level in Float(level.ratio) }
        initialNoiseScale = Float(Self.initialNoiseScale(plan))
        self.settings = settings
    }

    /// The number of levels that consistency models were distilled on, as in diffusers.
    private static let distilledSteps = 50

    private static func evaluations(_ plan: SamplingPlan) -> [Evaluation] {
        switch plan.settings.kind {
        case .ddim: plan.ddim()
        case .euler: plan.euler()
        case .eulerAncestral: plan.eulerAncestral()
        case .heun: plan.heun()
        case .lms: plan.lms()
        case .dpm2: plan.dpm2(isAncestral: false)
        case .dpm2Ancestral: plan.dpm2(isAncestral: true)
        case .dpmpp2m: plan.dpmpp2m()
        case .dpmpp2mSDE: plan.dpmpp2mSDE()
        case .dpmppSDE: plan.dpmppSDE()
        case .dpmpp3mSDE: plan.dpmpp3mSDE()
        case .unipc: plan.unipc()
        case .pndm: plan.pndm()
        case .lcm: plan.lcm()
        case .tcd: plan.tcd()
        }
    }

    /// For methods that are defined on trained timesteps, whoever runs them.
    private static func planOnTimesteps(
        _ settings: SamplerSettings, schedule: NoiseSchedule, count: Int
    ) -> SamplingPlan {
        let config = schedule.config
        let trained = config.trainedTimestepCount
        let timesteps: [Double]
        switch settings.kind {
        case .lcm, .tcd:
            // Every so many of the levels of distillation, from the noisiest; the product is rounded as numpy's.
            let distance = max(trained / distilledSteps, 1)
            let known = min(distilledSteps, trained)
            let stride = Double(known) / Double(count)
            timesteps = (0..<count).map { index in Double((known - Int(Double(index) * stride)) * distance - 1) }
        default:
            timesteps = schedule.timesteps(count, spacing: settings.spacing ?? config.timestepSpacing).map {
                $0.rounded(.toNearestOrEven)
            }
        }
        let end = NoiseLevel(alphaBar: config.setAlphaToOne ? 1 : schedule.alphaBar(at: 0))
        return SamplingPlan(
            settings: settings, schedule: schedule, prediction: config.predictionType, timesteps: timesteps,
            levels: timesteps.map { NoiseLevel(alphaBar: schedule.alphaBar(at: Int($0))) } + [end],
            eta: settings.eta ?? settings.kind.defaultEta)
    }

    /// For methods that go from any level to any other.
    private static func planOnLevels(
        _ settings: SamplerSettings, schedule: NoiseSchedule, count: Int, isXL: Bool
    ) -> SamplingPlan {
        let noise = NoiseLevels(settings, schedule: schedule, count: count, isXL: isXL)
        let levels = (noise.sigmas.map(Double.init) + [0]).map { sigma in
            NoiseLevel(sigma: sigma, preservesVariance: settings.kind.preservesVariance)
        }
        return SamplingPlan(
            settings: settings, schedule: schedule, prediction: schedule.config.predictionType,
            timesteps: noise.timesteps, levels: levels, eta: settings.eta ?? settings.kind.defaultEta)
    }

    private static func initialNoiseScale(_ plan: SamplingPlan) -> Double {
        let first = plan.levels[0]
        let kind = plan.settings.kind
        switch plan.settings.convention {
        case .diffusers:
            guard !kind.preservesVariance else { return 1 }
            let spacing = plan.settings.spacing ?? plan.schedule.config.timestepSpacing
            return spacing == .leading ? first.norm : first.sigma
        case .a1111:
            // Its samplers on timesteps begin with the noise as it is.
            return kind == .ddim || kind == .pndm ? 1 : first.sigma
        case .comfyui:
            // "Maximal denoising" begins with what training saw: noise and a trace of the image.
            let greatest = Double(plan.schedule.sigmas[plan.schedule.sigmas.count - 1])
            return first.ratio > greatest * (1 - 1e-5) ? first.norm : first.sigma
        }
    }

    /// What the latents are multiplied with before they go into the UNet.
    package func inputScale(at index: Int) -> Float {
        Float(1 / evaluations[index].level.norm)
    }

    /// The noise σ, for an image of full strength, of the latents in an evaluation.
    package func sigma(at index: Int) -> Double {
        evaluations[index].level.ratio
    }

    /// Which step, as users count them, an evaluation belongs to, from 0.
    package func step(of index: Int) -> Int {
        evaluations[index].step
    }

    /// Number of steps, as users count them, that are done after an evaluation.
    package func stepsDone(after index: Int) -> Int {
        index + 1 < evaluations.count ? evaluations[index + 1].step : stepCount
    }

    /// Number of steps, as users count them.
    package var stepCount: Int { sigmas.count - 1 }

    /// The memory for one run of all steps.
    package func makeState() -> SamplerState {
        SamplerState()
    }

    /// The noise of a run, for the first latents and for methods that add some on the way.
    package func makeNoise(seed: UInt64, source: NoiseSource) -> NoiseStream {
        let ends = sigmas.filter { $0 > 0 }.map(Double.init)
        return NoiseStream(seed: seed, source: source, sigmas: (ends.min() ?? 0)...(ends.max() ?? 1))
    }

    /// Moves one cell's latents on, in place.
    ///
    /// - Parameters:
    ///   - index: which evaluation; a run takes all of them in order.
    ///   - prediction: the UNet's prediction at ``timesteps`` of `index`, after guidance, as long as `latents`.
    ///   - noise: what ``noise(at:count:from:)`` gave for this evaluation; it is the same for all cells of a seed.
    ///   - latents: one cell's latents, in the order `[channel, height, width]` in which torch draws noise.
    ///   - state: the memory of this run.
    package func step(
        _ index: Int, prediction: [Float], noise: [Float], latents: inout [Float], state: inout SamplerState
    ) {
        precondition(prediction.count == latents.count, "the prediction must be as long as the latents")
        let known = SamplerState.Known(latents: latents, prediction: prediction, noise: noise)
        let sums = sums[index]
        latents = state.sum(sums.next, known)
        let anchor = sums.anchor.map { state.sum($0, known) }
        if let remembered = sums.remembered { state.remember(state.sum(remembered, known)) }
        if let anchor { state.anchor = anchor }
    }

    /// Takes away the noise that a prediction sees in latents.
    ///
    /// - Parameters:
    ///   - index: Which evaluation.
    ///   - prediction: The UNet's, after guidance.
    ///   - latents: That went into it, before they were scaled for the UNet.
    /// - Returns: The latents of the image that it means.
    func image(at index: Int, prediction: [Float], latents: [Float]) -> [Float] {
        makeState().sum(images[index], SamplerState.Known(latents: latents, prediction: prediction, noise: []))
    }

    /// Draws the noise that an evaluation adds; nothing if it adds none.
    package func noise(at index: Int, count: Int, from stream: inout NoiseStream) -> [Float] {
        guard sums[index].next.contains(where: { $0.source == .noise }) else { return [] }
        switch evaluations[index].noise {
        case .fresh: return stream.normals(count)
        case .brownian(let from, let to): return stream.increment(from: from, to: to, count: count)
        }
    }
}

/// The sums of an evaluation without the terms of weight 0.
private struct Sums: Sendable {
    let next: [SamplerState.Term]
    let anchor: [SamplerState.Term]?
    let remembered: [SamplerState.Term]?

    init(_ evaluation: Evaluation) {
        next = SamplerState.terms(evaluation.next)
        anchor = evaluation.anchor.map(SamplerState.terms)
        remembered = evaluation.remembered.map(SamplerState.terms)
    }
}
