/// The samplers, by the names that users know them under; a suffix names the noise schedule.
package enum SamplerKind: String, CaseIterable, Sendable {
    /// Denoising diffusion implicit models without noise (η = 0), <https://arxiv.org/abs/2010.02502>.
    case ddim
    /// DPM-Solver++, second-order multistep, midpoint, <https://arxiv.org/abs/2211.01095>.
    case dpmpp2m = "dpmpp-2m"
    /// The same with the noise levels of Karras et al., <https://arxiv.org/abs/2206.00364>.
    case dpmpp2mKarras = "dpmpp-2m-karras"
    /// Euler's method on the probability-flow equation, <https://arxiv.org/abs/2206.00364>.
    case euler
    /// Euler's method with fresh noise in each step, as in k-diffusion.
    case eulerAncestral = "euler-a"
}
