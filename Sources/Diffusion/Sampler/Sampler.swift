/// A sampler with its noise levels, for a given number of steps.
///
/// Means what diffusers makes of the scheduler config that Stable Diffusion 1.x comes with. A sampler is a value without
/// memory, so that cells share it; what one cell's run must remember is in its ``SamplerState``.
///
///     var noise = TorchGenerator(seed: seed)
///     var latents = noise.normals(count).map { $0 * sampler.initialNoiseScale }
///     var state = sampler.makeState()
///     for index in sampler.timesteps.indices {
///         let prediction = unet(latents.map { $0 * sampler.inputScale(at: index) }, sampler.timesteps[index], …)
///         sampler.step(index, noisePrediction: prediction, latents: &latents, state: &state, noise: &noise)
///     }
package struct Sampler: Sendable {
    package let kind: SamplerKind
    /// What the UNet is given in each step; there is one evaluation a step.
    package let timesteps: [Float]
    /// What standard-normal noise is multiplied with to begin.
    package let initialNoiseScale: Float
    /// The noise σ before each step and after the last.
    package let sigmas: [Float]
    private let inputScales: [Float]
    private let steps: [SamplerStep]

    /// Computes the steps.
    ///
    /// - Throws: ``DiffusionError/invalidSteps(_:allowed:)`` unless there are 1 to as many steps as were trained.
    package init(_ kind: SamplerKind, schedule: NoiseSchedule, steps count: Int) throws(DiffusionError) {
        let trained = schedule.config.trainedTimestepCount
        guard (1...trained).contains(count) else { throw .invalidSteps(count, allowed: 1...trained) }
        self.kind = kind
        let timesteps = Self.timesteps(kind, schedule: schedule, count: count)
        // With leading spacing and about as many steps as trained ones, the offset leads beyond these.
        self.timesteps = timesteps.map { timestep in Float(min(timestep, Double(trained - 1))) }
        let sigmas: [Float] =
            (kind == .dpmpp2mKarras ? schedule.karrasSigmas(count).map(Float.init) : timesteps.map(schedule.sigma(at:)))
            + [0]
        switch kind {
        case .ddim:
            steps = timesteps.map { timestep in Self.ddimStep(Int(timestep), schedule: schedule, count: count) }
        case .euler:
            steps = (0..<count).map { .euler(sigma: sigmas[$0], nextSigma: sigmas[$0 + 1]) }
        case .eulerAncestral:
            steps = (0..<count).map { .eulerAncestral(sigma: sigmas[$0], nextSigma: sigmas[$0 + 1]) }
        case .dpmpp2m, .dpmpp2mKarras:
            // The first step has no predecessor, and the last is of first order, as it ends without noise.
            steps = (0..<count).map { index in
                let hasPredecessor = index > 0 && index < count - 1
                return .dpmSolver(
                    previousSigma: hasPredecessor ? sigmas[index - 1] : nil, sigma: sigmas[index],
                    nextSigma: sigmas[index + 1])
            }
        }
        switch kind {
        case .euler, .eulerAncestral:
            // Latents are image + σ·noise here, so the UNet, trained on variance 1, wants them scaled.
            inputScales = sigmas.dropLast().map { sigma in 1 / (sigma * sigma + 1).squareRoot() }
            let leading = schedule.config.timestepSpacing == .leading
            initialNoiseScale = leading ? (sigmas[0] * sigmas[0] + 1).squareRoot() : sigmas[0]
        case .ddim, .dpmpp2m, .dpmpp2mKarras:
            inputScales = Array(repeating: 1, count: count)
            initialNoiseScale = 1
        }
        self.sigmas = sigmas
    }

    private static func timesteps(_ kind: SamplerKind, schedule: NoiseSchedule, count: Int) -> [Double] {
        let spacing = schedule.config.timestepSpacing
        switch kind {
        case .ddim:
            return schedule.timesteps(count).map { $0.rounded(.toNearestOrEven) }
        case .euler, .eulerAncestral:
            // Timesteps between trained ones are rounded to single precision before their levels are looked up.
            return schedule.timesteps(count).map { Double(Float($0)) }
        case .dpmpp2m:
            // A level more is laid out and the lowest dropped, since the solver ends at zero noise from any.
            let timesteps = spacing == .trailing ? schedule.timesteps(count) : schedule.timesteps(count + 1).dropLast()
            return timesteps.map { $0.rounded(.toNearestOrEven) }
        case .dpmpp2mKarras:
            return schedule.karrasSigmas(count).map { sigma in
                schedule.timestep(ofSigma: sigma).rounded(.toNearestOrEven)
            }
        }
    }

    private static func ddimStep(_ timestep: Int, schedule: NoiseSchedule, count: Int) -> SamplerStep {
        let next = timestep - schedule.config.trainedTimestepCount / count
        let finalAlphaBar = schedule.config.setAlphaToOne ? 1 : schedule.alphaBar(at: 0)
        return .ddim(
            alphaBar: schedule.alphaBar(at: timestep),
            nextAlphaBar: next >= 0 ? schedule.alphaBar(at: next) : finalAlphaBar)
    }

    /// What the latents are multiplied with before they go into the UNet.
    package func inputScale(at index: Int) -> Float {
        inputScales[index]
    }

    /// The memory for one run of all steps.
    package func makeState() -> SamplerState {
        SamplerState()
    }

    /// Moves one cell's latents to the next noise level, in place.
    ///
    /// - Parameters:
    ///   - index: which step; a run takes all of them in order.
    ///   - noisePrediction: the UNet's prediction at ``timesteps`` of `index`, after guidance, as long as `latents`.
    ///   - latents: one cell's latents, in the order `[channel, height, width]` in which torch draws noise.
    ///   - state: the memory of this run.
    ///   - noise: the generator that drew this cell's first latents; only ``SamplerKind/eulerAncestral`` draws from it.
    package func step(
        _ index: Int, noisePrediction: [Float], latents: inout [Float], state: inout SamplerState,
        noise: inout TorchGenerator
    ) {
        let count = latents.count
        precondition(noisePrediction.count == count, "the noise prediction must be as long as the latents")
        let step = steps[index]
        if let denoised = step.denoised {
            state.prepare(count: count)
            for element in 0..<count {
                let (latent, prediction) = (latents[element], noisePrediction[element])
                let previous = state.denoised[element]
                state.denoised[element] = latent * denoised.latents + prediction * denoised.prediction
                latents[element] =
                    latent * step.latents + prediction * step.prediction + previous * step.previousDenoised
            }
        } else if let noiseWeight = step.noise {
            let fresh = noise.normals(count)
            for element in 0..<count {
                latents[element] =
                    latents[element] * step.latents + noisePrediction[element] * step.prediction
                    + fresh[element] * noiseWeight
            }
        } else {
            for element in 0..<count {
                latents[element] = latents[element] * step.latents + noisePrediction[element] * step.prediction
            }
        }
    }
}

/// What a run of a sampler remembers from step to step.
package struct SamplerState: Sendable {
    /// The denoised image of the step before.
    fileprivate var denoised: [Float] = []

    /// Makes room before the first step.
    fileprivate mutating func prepare(count: Int) {
        if denoised.isEmpty { denoised = Array(repeating: 0, count: count) }
        precondition(denoised.count == count, "a run's latents must not change their length")
    }
}
