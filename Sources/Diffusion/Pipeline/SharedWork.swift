/// What the cells of a row have in common, computed once.
struct SharedWork: Sendable {
    /// Tells the rows of a pipeline apart.
    let number: Int
    let row: RowRequest
    let sampler: Sampler
    /// What the UNet is told, for the steps up to and without an end.
    let texts: [GuideTexts]
    let latentShape: LatentShape
    /// The evaluation that the cells part at.
    var start = 0
    /// Latents before it, and what the evaluations before it left behind.
    var latents: [Float]
    var state: SamplerState
    var noise: NoiseStream
    /// That evaluation, for each text of its guide; none if the UNet reads the guidance, which differs.
    var first: [[Float]] = []
    /// A cell's part of the seconds spent on the texts, and on the evaluations in common.
    let encodeShare: Double
    var firstShare = 0.0

    /// Whether `guidance` takes a second, negative evaluation in each step.
    static func isGuiding(_ guidance: Double, in config: UNetConfig) -> Bool {
        guidance > 1 && config.guidanceEmbeddingDim == nil
    }
}

/// What the UNet is told up to a step.
struct GuideTexts: Sendable {
    let end: Int
    /// Negative and positive text, of one length; only the positive one without guidance.
    let texts: [Conditioning]
    /// The positive text alone, for evaluations without guidance.
    let positive: Conditioning
}
