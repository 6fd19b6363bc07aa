/// One evaluation of the UNet and what a sampler does with it.
struct Evaluation: Sendable {
    /// Where the noise of an evaluation comes from.
    enum Noise: Equatable, Sendable {
        /// The next numbers of the cell's generator.
        case fresh
        /// The increment of the cell's Brownian path between two noise levels σ, divided by the root of their distance.
        case brownian(from: Double, to: Double)
    }

    let timestep: Double
    let level: NoiseLevel
    /// Which step of the user's count it belongs to, from 0.
    let step: Int
    /// The latents of the next evaluation, or of the picture.
    let next: Combination
    /// What is kept in place of the latents that were kept before.
    var anchor: Combination?
    /// What is put in front of the memories.
    var remembered: Combination?
    var noise = Noise.fresh
}
