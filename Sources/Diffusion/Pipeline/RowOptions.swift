/// What of a row differs between programs and models; the defaults are what diffusers does with the model.
package struct RowOptions: Equatable, Sendable {
    /// How signs in prompts are read.
    package var dialect = PromptDialect.plain
    /// What weights of words do; `nil` for the dialect's way.
    package var emphasis: EmphasisRule?
    /// How many of the text encoders' last layers to leave out, beyond what the model itself does.
    package var clipSkip = 0
    /// Whether an empty negative prompt is encoded like any other, where the model was trained with zeros for none.
    package var encodesEmptyNegative = false
    package var noiseSource = NoiseSource.torchCPU
    /// What the UNet predicts; `nil` for what the model says.
    package var predictionType: PredictionType?
    /// Whether the noise levels are stretched to end in pure noise; `nil` for what the model says.
    package var hasZeroTerminalSNR: Bool?
    /// How far the contrast of guided predictions is brought back to that of unguided ones, from 0 to 1.
    package var guidanceRescale: Float = 0
    /// The noise levels σ at which guidance acts, the lower end excluded; `nil` for all.
    package var guidanceInterval: ClosedRange<Double>?
    /// Whether the picture's numbers are rounded to the nearest of 256, as in diffusers, or down.
    package var roundsPixels = true

    package init() {}

    /// Whether guidance acts at a noise level: <https://arxiv.org/abs/2404.07724>, equation 5.
    func guides(atSigma sigma: Double) -> Bool {
        guard let guidanceInterval else { return true }
        return sigma > guidanceInterval.lowerBound && sigma <= guidanceInterval.upperBound
    }
}
