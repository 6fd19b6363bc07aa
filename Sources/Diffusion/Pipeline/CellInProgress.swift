/// A cell on its way through the steps.
struct CellInProgress {
    let guidance: Float
    var latents: [Float]
    var generator: TorchGenerator
    var state: SamplerState

    /// Classifier-free guidance (Ho and Salimans 2022), then the sampler's step.
    mutating func advance(_ step: Int, sampler: Sampler, positive: [Float], negative: [Float]?) {
        var prediction = positive
        if let negative {
            for index in prediction.indices {
                prediction[index] = negative[index] + guidance * (positive[index] - negative[index])
            }
        }
        sampler.step(step, noisePrediction: prediction, latents: &latents, state: &state, noise: &generator)
    }
}
