/// How noise levels are laid out over the range that the model was trained with.
package enum NoiseLayout: String, CaseIterable, Sendable {
    /// Evenly in the timesteps, from the last to the first.
    case normal
    /// Evenly in σ^(1/7): equation 5 of <https://arxiv.org/abs/2206.00364>.
    case karras
    /// Evenly in log σ.
    case exponential
    /// Evenly in the timesteps, the last of them left out, as in Stability AI's generative-models.
    case sgmUniform = "sgm-uniform"
    /// Every so many trained timesteps, counted from the noisiest, as in ComfyUI.
    case simple
    /// At quantiles of a beta distribution with α = β = 0.6, <https://arxiv.org/abs/2407.12173>.
    case beta
    /// "Align Your Steps", <https://arxiv.org/abs/2404.14507>.
    case ays
}
