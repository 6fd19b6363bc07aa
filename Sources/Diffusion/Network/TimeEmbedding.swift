import Foundation

/// The timestep as a vector: sinusoids (Vaswani et al. 2017, as Ho et al. 2020 use them), then two layers.
struct TimeEmbedding {
    private let device: any Device
    private let config: UNetConfig
    private let linear1: Linear
    private let linear2: Linear

    init(_ source: LayerSource, config: UNetConfig) throws {
        device = source.device
        self.config = config
        linear1 = try source.linear("linear_1", inputs: config.timeProjectionDim, outputs: config.timeEmbeddingDim)
        linear2 = try source.linear("linear_2", inputs: config.timeEmbeddingDim, outputs: config.timeEmbeddingDim)
    }

    /// - Returns: the embedding after the SiLU that every residual block begins its projection with, `[1, time]`.
    func callAsFunction(_ timestep: Float) throws -> Tensor {
        let half = config.timeProjectionDim / 2
        // diffusers' get_timestep_embedding: exp(-ln(10000) i / (half - shift)).
        let angles = (0..<half).map { index in
            let exponent = -log(10_000) * Double(index) / (Double(half) - config.frequencyShift)
            return timestep * Float(exp(exponent))
        }
        let sines = angles.map { Float(sin(Double($0))) }
        let cosines = angles.map { Float(cos(Double($0))) }
        let values = config.flipSinToCos ? cosines + sines : sines + cosines
        let projected = try device.upload(values, shape: [1, config.timeProjectionDim])
        return try linear2(try linear1(projected, activation: .silu), activation: .silu)
    }
}
