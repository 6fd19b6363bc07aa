/// Who follows how cells are painted, on the thread where that is.
protocol PaintAudience {
    /// Whether the evaluation that is under way shall be shown.
    func wantsPreview() -> Bool
    /// Hears of an evaluation, with the first cell's latents as the sampler takes them for the image's where they were wanted.
    ///
    /// - Returns: Whether to go on.
    func goesOn(after evaluation: Int, showing latents: [Float]?) throws -> Bool
    /// Gets a finished image.
    func take(_ image: RenderedImage) throws
}

/// A cell behind its last step.
struct DenoisedCell: Sendable {
    /// Which of the row's guidances it is.
    let index: Int
    let latents: [Float]
    /// What the steps have taken, as ``RenderTimings`` counts it.
    let seconds: Double
}
