/// The timestep as a vector: sinusoids, then two layers.
struct TimeEmbedding {
    private let device: any Device
    private let sinusoids: Sinusoids
    private let guidance: GuidanceProjection?
    private let linear1: Linear
    private let linear2: Linear

    init(_ source: LayerSource, config: UNetConfig) throws {
        device = source.device
        sinusoids = Sinusoids(
            width: config.timeProjectionDim, isCosineFirst: config.flipSinToCos, shift: config.frequencyShift)
        guidance = try config.guidanceEmbeddingDim.map {
            try GuidanceProjection(source, width: $0, outputs: config.timeProjectionDim)
        }
        linear1 = try source.linear("linear_1", inputs: config.timeProjectionDim, outputs: config.timeEmbeddingDim)
        linear2 = try source.linear("linear_2", inputs: config.timeEmbeddingDim, outputs: config.timeEmbeddingDim)
    }

    /// - Parameters:
    ///   - timestep: of all rows.
    ///   - rows: how many to make: 1, or one for each of a batch's latents.
    ///   - guidances: the guidance scale of each row; not looked at unless the model was made for it.
    ///   - added: `[row, time]`, what is added to the embedding.
    /// - Returns: the embedding after the SiLU that every residual block begins its projection with, `[row, time]`.
    /// - Throws: ``DiffusionError`` when memory runs out.
    func callAsFunction(
        _ timestep: Float, rows: Int = 1, guidances: [Float] = [], adding added: Tensor? = nil
    ) throws -> Tensor {
        let values = Array(repeatElement(sinusoids(timestep), count: rows).joined())
        var x = try device.upload(values, shape: [rows, sinusoids.width])
        if let guidance, guidances.count == rows { x = try guidance(guidances, adding: x) }
        return try linear2(try linear1(x, activation: .silu), adding: added, activation: .silu)
    }
}

/// The guidance scale as a vector, for models that were distilled from guidance (Meng et al. 2023, appendix B).
private struct GuidanceProjection {
    private let device: any Device
    private let sinusoids: Sinusoids
    private let projection: Linear

    init(_ source: LayerSource, width: Int, outputs: Int) throws {
        device = source.device
        // Fixed in diffusers' get_guidance_scale_embedding.
        sinusoids = Sinusoids(width: width, isCosineFirst: false, shift: 1, isStepRounded: true)
        projection = try source.linear("cond_proj", inputs: width, outputs: outputs, hasBias: false)
    }

    func callAsFunction(_ guidances: [Float], adding x: Tensor) throws -> Tensor {
        // Guidance 1 is none; the thousand brings the rest to the range of timesteps.
        let values = guidances.flatMap { sinusoids(($0 - 1) * 1000) }
        return try projection(try device.upload(values, shape: [guidances.count, sinusoids.width]), adding: x)
    }
}

/// Pooled text and picture size as a vector (Podell et al. 2023, section 2.2), added to the time embedding.
struct AddedEmbedding {
    private let device: any Device
    private let condition: UNetConfig.AddedCondition
    private let sinusoids: Sinusoids
    private let linear1: Linear
    private let linear2: Linear

    init(_ source: LayerSource, condition: UNetConfig.AddedCondition, config: UNetConfig) throws {
        device = source.device
        self.condition = condition
        sinusoids = Sinusoids(
            width: condition.sizeDim, isCosineFirst: config.flipSinToCos, shift: config.frequencyShift)
        linear1 = try source.linear("linear_1", inputs: condition.inputDim, outputs: config.timeEmbeddingDim)
        linear2 = try source.linear("linear_2", inputs: config.timeEmbeddingDim, outputs: config.timeEmbeddingDim)
    }

    /// One vector for each text.
    func callAsFunction(_ texts: [Conditioning]) throws -> [[Float]] {
        let values = texts.flatMap { text in
            precondition(text.pooled.count == condition.pooledDim, "a pooled text of \(text.pooled.count) channels")
            return text.pooled + text.size.values.flatMap { sinusoids(Float($0)) }
        }
        let x = try device.upload(values, shape: [texts.count, condition.inputDim])
        let result = try device.download(try linear2(try linear1(x, activation: .silu)))
        let width = result.count / texts.count
        return texts.indices.map { Array(result[$0 * width..<($0 + 1) * width]) }
    }
}
