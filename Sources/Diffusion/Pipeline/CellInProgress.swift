/// A cell on its way through the steps.
struct CellInProgress {
    let guidance: Float
    /// See ``RowOptions/guidanceRescale``.
    let rescale: Float
    var latents: [Float]
    var state: SamplerState

    /// Classifier-free guidance, <https://arxiv.org/abs/2207.12598>, then the sampler's step.
    ///
    /// - Parameters:
    ///   - evaluation: Its number.
    ///   - sampler: What steps.
    ///   - positive: The UNet's prediction for the prompt.
    ///   - negative: The one for the negative prompt; `nil` where there is no guidance.
    ///   - noise: What the evaluation adds.
    /// - Returns: The prediction after guidance.
    @discardableResult
    mutating func advance(
        _ evaluation: Int, sampler: Sampler, positive: [Float], negative: [Float]?, noise: [Float]
    ) -> [Float] {
        var prediction = positive
        if let negative {
            for index in prediction.indices {
                prediction[index] = negative[index] + guidance * (positive[index] - negative[index])
            }
            if rescale > 0 { bringBack(&prediction, to: positive) }
        }
        sampler.step(evaluation, prediction: prediction, noise: noise, latents: &latents, state: &state)
        return prediction
    }

    /// Equations 15 and 16 of <https://arxiv.org/abs/2305.08891>.
    private func bringBack(_ prediction: inout [Float], to positive: [Float]) {
        let spread = Self.deviation(prediction)
        guard spread > 0 else { return }
        let factor = rescale * (Self.deviation(positive) / spread) + (1 - rescale)
        for index in prediction.indices { prediction[index] *= factor }
    }

    /// The standard deviation, added up in double precision.
    private static func deviation(_ values: [Float]) -> Float {
        let count = Double(max(values.count, 1))
        let mean = values.reduce(0.0) { $0 + Double($1) } / count
        let variance = values.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / count
        return Float(variance.squareRoot())
    }
}
