import Glibc

/// One step of a sampler: as the noise levels are known before, every sampler here is a linear combination.
///
///     latents' = latents·a + prediction·b + previousDenoised·c + noise·d
struct SamplerStep: Sendable {
    /// How the denoised image follows from the latents and the noise prediction.
    struct Denoised: Sendable {
        let latents: Float
        let prediction: Float
    }

    let latents: Float
    let prediction: Float
    /// Weight of the denoised image of the step before.
    var previousDenoised: Float = 0
    /// Weight of fresh noise, or nil when the sampler draws none.
    var noise: Float?
    /// Of this step, if the next one needs it.
    var denoised: Denoised?

    /// Equation 12 of <https://arxiv.org/abs/2010.02502> with η = 0.
    static func ddim(alphaBar: Double, nextAlphaBar: Double) -> SamplerStep {
        let scale = (nextAlphaBar / alphaBar).squareRoot()
        return SamplerStep(
            latents: Float(scale),
            prediction: Float((1 - nextAlphaBar).squareRoot() - scale * (1 - alphaBar).squareRoot()))
    }

    /// Algorithm 1 of <https://arxiv.org/abs/2206.00364> without its second-order correction.
    static func euler(sigma: Float, nextSigma: Float) -> SamplerStep {
        SamplerStep(latents: 1, prediction: nextSigma - sigma)
    }

    /// Goes down below the next level and adds noise up to it: `sample_euler_ancestral` of k-diffusion with η = 1.
    static func eulerAncestral(sigma: Float, nextSigma: Float) -> SamplerStep {
        let (variance, nextVariance) = (Double(sigma) * Double(sigma), Double(nextSigma) * Double(nextSigma))
        let addedVariance = nextVariance * (variance - nextVariance) / variance
        let lowered = max(nextVariance - addedVariance, 0).squareRoot()
        return SamplerStep(
            latents: 1, prediction: Float(lowered - Double(sigma)), noise: Float(max(addedVariance, 0).squareRoot()))
    }

    /// Algorithm 2 of <https://arxiv.org/abs/2211.01095>; of first order where there is no `previousSigma`.
    static func dpmSolver(previousSigma: Float?, sigma: Float, nextSigma: Float) -> SamplerStep {
        let (now, next) = (Level(sigma), Level(nextSigma))
        let interval = next.logSNR - now.logSNR
        let denoisedWeight = -next.alpha * expm1(-interval)
        // D1 of the paper is the difference of both denoised images over r = previousInterval / interval.
        var slope = 0.0
        if let previousSigma {
            let previousInterval = now.logSNR - Level(previousSigma).logSNR
            // Equal levels, as rounding makes them when there are as many steps as trained ones, have no slope.
            if previousInterval > 0 { slope = interval / previousInterval / 2 }
        }
        let ratio = next.sigma / now.sigma
        let weight = denoisedWeight * (1 + slope)
        return SamplerStep(
            latents: Float(ratio + weight / now.alpha),
            prediction: Float(-weight * now.sigma / now.alpha),
            previousDenoised: Float(-denoisedWeight * slope),
            denoised: Denoised(latents: Float(1 / now.alpha), prediction: Float(-now.sigma / now.alpha)))
    }

    /// A noise level in variance-preserving form.
    private struct Level {
        let alpha: Double
        let sigma: Double
        /// Logarithm of alpha over sigma, λ in the paper.
        let logSNR: Double

        init(_ sigma: Float) {
            alpha = 1 / (Double(sigma) * Double(sigma) + 1).squareRoot()
            self.sigma = Double(sigma) * alpha
            logSNR = -log(Double(sigma))
        }
    }
}
