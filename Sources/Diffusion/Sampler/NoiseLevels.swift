import Glibc

/// The noise levels that a run goes through, and the timesteps that the UNet is told for them.
struct NoiseLevels: Sendable {
    /// As torch has them, before the clamp to trained ones.
    let timesteps: [Double]
    /// σ for each timestep, in single precision as the references keep them; none for the end.
    let sigmas: [Float]

    /// Lays `count` levels out.
    ///
    /// Where levels coincide with ``NoiseLayout/beta`` of ComfyUI, there are fewer, as there.
    init(_ settings: SamplerSettings, schedule: NoiseSchedule, count: Int, isXL: Bool) {
        // These two leave out the level before the end, which the method's midpoint would come too close to.
        let discards =
            switch (settings.convention, settings.kind) {
            case (.a1111, .dpm2), (.a1111, .dpm2Ancestral), (.comfyui, .dpm2), (.comfyui, .dpm2Ancestral),
                (.comfyui, .unipc):
                true
            default: false
            }
        let layout = Layout(settings, schedule: schedule, count: discards ? count + 1 : count, isXL: isXL)
        let levels = discards ? layout.levels.dropLast() : layout.levels
        timesteps = levels.map(\.timestep)
        sigmas = levels.map(\.sigma)
    }
}

private typealias TimedLevel = (timestep: Double, sigma: Float)

/// Works out levels and timesteps as each of the programs does.
private struct Layout {
    private let settings: SamplerSettings
    private let schedule: NoiseSchedule
    private let count: Int
    private let isXL: Bool

    init(_ settings: SamplerSettings, schedule: NoiseSchedule, count: Int, isXL: Bool) {
        self.settings = settings
        self.schedule = schedule
        self.count = count
        self.isXL = isXL
    }

    var levels: [TimedLevel] {
        switch settings.layout {
        case nil: spaced(by: spacing)
        case .normal: spaced(by: .linspace)
        case .karras: timed(Self.karras(from: range.greatest, to: range.least, count: count))
        case .exponential: timed(Self.exponential(from: range.greatest, to: range.least, count: count))
        case .sgmUniform: timed(sgmUniform)
        case .simple: simple
        case .beta: settings.convention == .comfyui ? betaOverTimesteps : timed(betaOverSigmas)
        case .ays: timed(alignedSteps)
        }
    }

    private var spacing: SchedulerConfig.TimestepSpacing {
        if let spacing = settings.spacing { return spacing }
        return settings.convention == .diffusers ? schedule.config.timestepSpacing : .linspace
    }

    /// The levels that a layout spans.
    private var range: (greatest: Double, least: Double) {
        if settings.convention == .diffusers, !settings.kind.preservesVariance {
            // Diffusers' schedulers of this kind lay out between the first and the last of the spaced timesteps.
            let levels = spaced(by: spacing)
            return (Double(levels[0].sigma), Double(levels[levels.count - 1].sigma))
        }
        return (Double(schedule.sigmas[schedule.sigmas.count - 1]), Double(schedule.sigmas[0]))
    }

    private func spaced(by spacing: SchedulerConfig.TimestepSpacing) -> [TimedLevel] {
        guard settings.convention == .diffusers else {
            // k-diffusion interpolates levels in log σ, diffusers in σ.
            return timed(schedule.timesteps(count, spacing: spacing).map(schedule.logInterpolatedSigma(at:)))
        }
        let timesteps: [Double]
        if settings.kind.preservesVariance {
            // A level more is laid out and the lowest dropped, since these solvers end at zero noise from any.
            let spaced =
                spacing == .trailing
                ? schedule.timesteps(count, spacing: spacing)
                : schedule.timesteps(count + 1, spacing: spacing).dropLast()
            timesteps = spaced.map { $0.rounded(.toNearestOrEven) }
        } else {
            // Timesteps between trained ones are rounded to single precision before their levels are looked up.
            timesteps = schedule.timesteps(count, spacing: spacing).map { Double(Float($0)) }
        }
        return timesteps.map { (settings.roundsTimesteps == true ? $0.rounded() : $0, schedule.sigma(at: $0)) }
    }

    /// Finds the timesteps for levels.
    private func timed(_ sigmas: [Double]) -> [TimedLevel] {
        sigmas.map { sigma in
            (settings.rounding(schedule.timestep(ofSigma: sigma)), Float(sigma))
        }
    }

    /// T. Karras et al., <https://arxiv.org/abs/2206.00364>, equation 5, with the paper's ρ = 7.
    static func karras(from greatest: Double, to least: Double, count: Int) -> [Double] {
        let rho = 7.0
        let (first, last) = (pow(greatest, 1 / rho), pow(least, 1 / rho))
        return shares(count).map { share in pow(first + share * (last - first), rho) }
    }

    static func exponential(from greatest: Double, to least: Double, count: Int) -> [Double] {
        shares(count).map { share in exp(log(greatest) + share * (log(least) - log(greatest))) }
    }

    /// Numbers from 0 to 1.
    private static func shares(_ count: Int) -> [Double] {
        (0..<count).map { Double($0) / Double(max(count - 1, 1)) }
    }

    private var sgmUniform: [Double] {
        let last = Double(schedule.sigmas.count - 1)
        return (0..<count).map { schedule.logInterpolatedSigma(at: last - last * Double($0) / Double(count)) }
    }

    private var simple: [TimedLevel] {
        let trained = schedule.sigmas.count
        return (0..<count).map { index in
            let timestep = trained - 1 - Int(Double(index) * (Double(trained) / Double(count)))
            return (Double(timestep), schedule.sigmas[timestep])
        }
    }

    private static let beta = BetaDistribution(shape: 0.6)

    private var betaOverSigmas: [Double] {
        let (greatest, least) = range
        return Self.shares(count).map { share in least + Self.beta.quantile(1 - share) * (greatest - least) }
    }

    private var betaOverTimesteps: [TimedLevel] {
        var levels: [TimedLevel] = []
        for index in 0..<count {
            let quantile = Self.beta.quantile(1 - Double(index) / Double(count))
            let timestep = Int((quantile * Double(schedule.sigmas.count - 1)).rounded(.toNearestOrEven))
            if levels.last?.timestep != Double(timestep) {
                levels.append((Double(timestep), schedule.sigmas[timestep]))
            }
        }
        return levels
    }

    /// The levels of Sabour et al. for 10 steps and the end, as the authors publish them; other numbers of steps interpolate
    /// them in log σ, as they say: <https://research.nvidia.com/labs/toronto-ai/AlignYourSteps/howto.html>.
    private static let alignedLevels = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029]
    private static let alignedLevelsXL = [14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029]
    /// The same as ComfyUI has them, the levels of trained timesteps: `comfy_extras/nodes_align_your_steps.py`.
    private static let comfyLevels = [
        14.6146412293, 6.4745760956, 3.8636745985, 2.6946151520, 1.8841921177, 1.3943805092, 0.9642583904, 0.6523686016,
        0.3977456272, 0.1515232662, 0.0291671582,
    ]
    private static let comfyLevelsXL = [
        14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769, 1.3405244945, 0.8620721141, 0.5550693289, 0.3798540708,
        0.2332364134, 0.1114188177, 0.0291671582,
    ]

    private var alignedSteps: [Double] {
        let known =
            switch (settings.convention, isXL) {
            case (.comfyui, false): Self.comfyLevels
            case (.comfyui, true): Self.comfyLevelsXL
            case (_, false): Self.alignedLevels
            case (_, true): Self.alignedLevelsXL
            }
        // A1111 takes the last level for one of the steps, the others replace it with zero.
        let wanted = settings.convention == .a1111 ? count : count + 1
        guard wanted != known.count else { return Array(known.prefix(count)) }
        return (0..<count).map { index in
            let place = Double(index) / Double(max(wanted - 1, 1)) * Double(known.count - 1)
            let low = min(Int(place), known.count - 2)
            let (first, second) = (log(known[low]), log(known[low + 1]))
            return exp(first + (second - first) * (place - Double(low)))
        }
    }
}

extension SamplerSettings {
    /// What becomes of a timestep that was found for a noise level.
    func rounding(_ timestep: Double) -> Double {
        if let roundsTimesteps { return roundsTimesteps ? timestep.rounded(.toNearestOrEven) : timestep }
        switch convention {
        case .a1111: return timestep
        case .comfyui: return timestep.rounded(.toNearestOrEven)
        case .diffusers:
            // Its schedulers for variance-preserving solvers round with Karras' levels and cut with the others; of the
            // rest, only those of DPM2 round, with Karras' levels.
            if kind.preservesVariance {
                return layout == .exponential || layout == .beta
                    ? timestep.rounded(.down) : timestep.rounded(.toNearestOrEven)
            }
            let rounds = (kind == .dpm2 || kind == .dpm2Ancestral) && layout == .karras
            return rounds ? timestep.rounded(.toNearestOrEven) : timestep
        }
    }

    /// The same for a level between two steps, which diffusers never rounds.
    func midpointRounding(_ timestep: Double) -> Double {
        if roundsTimesteps == nil, convention == .diffusers { return timestep }
        return rounding(timestep)
    }
}
