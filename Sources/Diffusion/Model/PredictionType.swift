/// What a UNet was trained to predict of noisy latents √ᾱ·image + √(1−ᾱ)·noise.
package enum PredictionType: String, CaseIterable, Sendable {
    /// The noise (Ho et al. 2020).
    case epsilon
    /// The image itself.
    case sample
    /// The velocity √ᾱ·noise − √(1−ᾱ)·image (Salimans and Ho 2022).
    case velocity = "v_prediction"
}
