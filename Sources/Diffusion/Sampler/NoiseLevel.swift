import Glibc

/// How much of an image and how much noise there is in latents: alpha · image + sigma · noise.
///
/// Variance-preserving latents have alpha² + sigma² = 1; those of Karras et al., <https://arxiv.org/abs/2206.00364>, have
/// alpha = 1. The formulas of all samplers hold for both.
struct NoiseLevel: Equatable, Sendable {
    let alpha: Double
    let sigma: Double

    private init(alpha: Double, sigma: Double) {
        self.alpha = alpha
        self.sigma = sigma
    }

    /// A level by its noise for an image of full strength.
    init(sigma: Double, preservesVariance: Bool) {
        let alpha = preservesVariance ? 1 / (sigma * sigma + 1).squareRoot() : 1
        self.init(alpha: alpha, sigma: sigma * alpha)
    }

    /// A variance-preserving level by the share ᾱ of the image's variance.
    init(alphaBar: Double) {
        self.init(alpha: alphaBar.squareRoot(), sigma: (1 - alphaBar).squareRoot())
    }

    /// The noise for an image of full strength.
    var ratio: Double { sigma / alpha }

    /// λ in <https://arxiv.org/abs/2211.01095>; infinite without noise.
    var logSNR: Double { log(alpha / sigma) }

    /// What the UNet, which was trained on variance-preserving latents, wants them divided by.
    var norm: Double { (alpha * alpha + sigma * sigma).squareRoot() }

    /// The image that a prediction of that type means.
    func denoised(_ type: PredictionType, prediction: Combination = .prediction) -> Combination {
        switch type {
        case .epsilon: (.latents - prediction * sigma) / alpha
        case .sample: prediction
        // Appendix D of <https://arxiv.org/abs/2202.00512>: the angle of signal and noise turns v and latents.
        case .velocity: (.latents * (alpha / norm) - prediction * sigma) / norm
        }
    }

    /// The noise that is in the latents if `denoised` is the image.
    func noise(_ denoised: Combination, latents: Combination = .latents) -> Combination {
        (latents - denoised * alpha) / sigma
    }

    /// The latents at this level with that image and noise.
    func latents(_ denoised: Combination, _ noise: Combination) -> Combination {
        denoised * alpha + noise * sigma
    }
}
