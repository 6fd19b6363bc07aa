/// The rules by which samplers go from one noise level to the next, by the names that users know them under.
package enum SamplerKind: String, CaseIterable, Sendable {
    /// Denoising diffusion implicit models, <https://arxiv.org/abs/2010.02502>.
    case ddim
    /// Euler's method on the probability-flow equation, <https://arxiv.org/abs/2206.00364>.
    case euler
    /// Euler's method with fresh noise in each step, as in k-diffusion.
    case eulerAncestral = "euler-a"
    /// Heun's method, Algorithm 1 of <https://arxiv.org/abs/2206.00364>; two evaluations a step.
    case heun
    /// Linear multistep of fourth order: Adams-Bashforth with uneven steps, as in k-diffusion.
    case lms
    /// DPM-Solver-2 as in k-diffusion: the midpoint method in log σ; two evaluations a step.
    case dpm2
    /// The same with fresh noise.
    case dpm2Ancestral = "dpm2-a"
    /// DPM-Solver++, second-order multistep, midpoint, <https://arxiv.org/abs/2211.01095>.
    case dpmpp2m = "dpmpp-2m"
    /// The same for the stochastic equation.
    case dpmpp2mSDE = "dpmpp-2m-sde"
    /// DPM-Solver++ for the stochastic equation, single-step of second order; two evaluations a step.
    case dpmppSDE = "dpmpp-sde"
    /// DPM-Solver++ for the stochastic equation, third-order multistep, as in k-diffusion.
    case dpmpp3mSDE = "dpmpp-3m-sde"
    /// UniPC of second order, B2(h), predicting the image, <https://arxiv.org/abs/2302.04867>.
    case unipc
    /// Pseudo linear multistep without Runge-Kutta warm-up, <https://arxiv.org/abs/2202.09778>; also known as PLMS.
    case pndm
    /// For latent consistency models, <https://arxiv.org/abs/2310.04378>.
    case lcm
    /// For trajectory consistency models, <https://arxiv.org/abs/2402.19159>.
    case tcd

    /// Whether the latents keep variance 1 on the way, as in the papers of these; the others follow Karras et al.
    var preservesVariance: Bool {
        switch self {
        case .ddim, .pndm, .lcm, .tcd, .dpmpp2m, .dpmpp2mSDE, .dpmpp3mSDE, .unipc: true
        case .euler, .eulerAncestral, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmppSDE: false
        }
    }

    /// How much fresh noise the method adds unless told otherwise.
    var defaultEta: Double {
        switch self {
        case .eulerAncestral, .dpm2Ancestral, .dpmpp2mSDE, .dpmppSDE, .dpmpp3mSDE: 1
        case .tcd: 0.3
        case .ddim, .euler, .heun, .lms, .dpm2, .dpmpp2m, .unipc, .pndm, .lcm: 0
        }
    }
}
