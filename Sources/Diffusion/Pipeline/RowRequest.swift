/// Cells that differ in guidance alone, to be rendered together.
package struct RowRequest: Equatable, Sendable {
    package var prompt: String
    package var negativePrompt: String
    /// One cell each. Up to 1 there is no guidance: the negative prompt is not looked at, as in diffusers.
    package var guidances: [Double]
    package var seed: UInt64
    package var steps: Int
    package var sampler: SamplerSettings
    /// In pixels; multiples of 8.
    package var width: Int
    package var height: Int
    package var options: RowOptions

    package init(
        prompt: String, negativePrompt: String, guidances: [Double], seed: UInt64, steps: Int,
        sampler: SamplerSettings, width: Int, height: Int, options: RowOptions = RowOptions()
    ) {
        self.prompt = prompt
        self.negativePrompt = negativePrompt
        self.guidances = guidances
        self.seed = seed
        self.steps = steps
        self.sampler = sampler
        self.width = width
        self.height = height
        self.options = options
    }
}

/// A finished cell of a row.
package struct RenderedImage: Sendable {
    /// Which of the request's guidances it is.
    package var index: Int
    package var width: Int
    package var height: Int
    /// Red, green, blue, row by row from the top.
    package var pixels: [UInt8]
    package var timings: RenderTimings
}

/// Where the time of one image went, in seconds; what cells shared is divided among them, and so is a machine's time among lanes
/// side by side. What some of these wait for others counts for nobody.
package struct RenderTimings: Equatable, Sendable {
    package var encode: Double
    package var denoise: Double
    package var decode: Double
}

/// How far the cells that are rendered together have come.
package struct RowProgress: Equatable, Sendable {
    /// Which of the request's guidances are in the batch.
    package var indices: [Int]
    /// Steps done, as users count them, of ``steps``.
    package var step: Int
    package var steps: Int
    /// What the first of them will show, now and then, where a ``PreviewMaker`` is at hand.
    package var preview: PreviewPicture?
}
