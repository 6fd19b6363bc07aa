package import Foundation

/// The rule by which a sampler goes from one noise level to the next.
package enum SamplerMethod: String, CaseIterable, Codable, Sendable {
    case ddim
    case euler
    case eulerAncestral = "euler-a"
    case heun
    case lms
    case dpm2
    case dpm2Ancestral = "dpm2-a"
    case dpmpp2m = "dpmpp-2m"
    case dpmpp2mSDE = "dpmpp-2m-sde"
    case dpmppSDE = "dpmpp-sde"
    case dpmpp3mSDE = "dpmpp-3m-sde"
    case unipc
    case pndm
    case lcm
    case tcd

    /// Whether the noise levels may be laid out by a schedule; the others are defined on the model's own timesteps.
    package var takesSchedule: Bool {
        switch self {
        case .ddim, .pndm, .tcd: false
        case .euler, .eulerAncestral, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmpp2m, .dpmpp2mSDE, .dpmppSDE,
            .dpmpp3mSDE, .unipc, .lcm:
            true
        }
    }

    /// How much fresh noise the method adds unless told otherwise, from 0 to 1; `nil` if it adds none whatever is asked.
    package var defaultEta: Decimal? {
        switch self {
        case .ddim: 0
        case .eulerAncestral, .dpm2Ancestral, .dpmpp2mSDE, .dpmppSDE, .dpmpp3mSDE: 1
        case .tcd: Decimal(sign: .plus, exponent: -1, significand: 3)
        case .euler, .heun, .lms, .dpm2, .dpmpp2m, .unipc, .pndm, .lcm: nil
        }
    }
}

/// How a sampler's noise levels are laid out between the greatest and the least that the model was trained with.
package enum ScheduleName: String, CaseIterable, Codable, Sendable {
    /// Evenly in the timesteps, from the last trained one to the first.
    case normal
    /// Evenly in σ^(1/7).
    case karras
    /// Evenly in log σ.
    case exponential
    /// Evenly in the timesteps, the last of them left out.
    case sgmUniform = "sgm-uniform"
    /// Every so many trained timesteps, counted from the noisiest.
    case simple
    /// At the quantiles of a beta distribution over the timesteps.
    case beta
    /// The levels that "Align Your Steps" found best for 10 steps, interpolated.
    case ays
}
