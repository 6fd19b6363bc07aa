/// UNet2DConditionModel of the Stable Diffusion family (Rombach et al. 2022): the noise in latents, given time and text.
package final class UNet {
    /// What the UNet needs of texts, once for all steps: keys and values of every cross-attention.
    package struct Context {
        /// One `[text batch, token, 2 * channel]` a transformer block, in the order of computation.
        let keysAndValues: [Tensor]
        /// What is added to the time embedding, one vector for each text; empty before Stable Diffusion XL.
        let added: [[Float]]
    }

    private let config: UNetConfig
    private let device: any Device
    private let timeEmbedding: TimeEmbedding
    private let addedEmbedding: AddedEmbedding?
    private let convolutionIn: Convolution
    private let downBlocks: [UNetDownBlock]
    private let midBlock: UNetMidBlock?
    private let upBlocks: [UNetUpBlock]
    private let normOut: GroupNorm
    private let convolutionOut: Convolution
    private let transformers: [SpatialTransformer]
    /// Embeddings of the timesteps met: the same few come again with every cell of a sweep.
    private var embeddings: [Float: Tensor] = [:]

    /// - Throws: ``DiffusionError`` when the weights are not those of the config, or memory runs out.
    package convenience init(config: UNetConfig, weights: WeightSource, device: any Device) throws {
        try self.init(config: config, source: LayerSource(device: device, weights: weights))
    }

    init(config: UNetConfig, source: LayerSource) throws {
        self.config = config
        device = source.device
        var builder = UNetLayerBuilder(config: config)
        let channels = config.blockOutChannels
        timeEmbedding = try TimeEmbedding(source["time_embedding"], config: config)
        addedEmbedding = try config.addedCondition.map {
            try AddedEmbedding(source["add_embedding"], condition: $0, config: config)
        }
        convolutionIn = try source.convolution(
            "conv_in", inputs: config.inChannels, outputs: channels[0], kernel: config.convInKernel)
        downBlocks = try channels.indices.map {
            try UNetDownBlock(source["down_blocks.\($0)"], level: $0, builder: &builder)
        }
        midBlock = try config.midBlockType.map {
            try UNetMidBlock(source["mid_block"], type: $0, builder: &builder)
        }
        upBlocks = try channels.indices.map {
            try UNetUpBlock(source["up_blocks.\($0)"], index: $0, builder: &builder)
        }
        normOut = try source.groupNorm(
            "conv_norm_out", channels: channels[0], groups: config.normGroupCount, epsilon: config.normEpsilon)
        convolutionOut = try source.convolution(
            "conv_out", inputs: channels[0], outputs: config.outChannels, kernel: config.convOutKernel)
        transformers = builder.transformers
        try source.requireAllRead()
    }

    /// Whether the guidance scale is an input of the model, so that there is nothing to guide it away from.
    package var readsGuidance: Bool { config.guidanceEmbeddingDim != nil }

    /// Prepares texts of the same number of tokens for evaluations.
    package func context(of texts: [Conditioning]) throws -> Context {
        precondition(texts.allSatisfy { $0.tokenCount == texts[0].tokenCount }, "texts of one length")
        let states = try device.upload(
            texts.flatMap(\.states), shape: [texts.count, texts[0].tokenCount, texts[0].channels])
        return Context(
            keysAndValues: try transformers.flatMap { try $0.keysAndValues(of: states) },
            added: try addedEmbedding?(texts) ?? [])
    }

    /// Predicts the noise, or what else the model was trained to.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, channel]`, scaled as the sampler wants. The batch is a multiple of the texts':
    ///     with two texts, the first half of the latents goes with the first.
    ///   - timestep: of all latents; need not be whole.
    ///   - guidances: the guidance scale of each of the latents, for a model that ``readsGuidance``.
    ///   - context: what ``context(of:)`` made of the texts.
    /// - Returns: as many latents.
    /// - Throws: ``DiffusionError`` when memory runs out.
    package func callAsFunction(
        _ latents: Tensor, timestep: Float, guidances: [Float] = [], context: Context
    ) throws -> Tensor {
        let time = try embedding(of: timestep, guidances: guidances, context: context, batch: latents.shape[0])
        var x = try convolutionIn(latents)
        var skips = [x]
        for block in downBlocks { x = try block(x, skips: &skips, time: time, context: context) }
        x = try midBlock?(x, time: time, context: context) ?? x
        for block in upBlocks { x = try block(x, skips: &skips, time: time, context: context) }
        return try convolutionOut(try normOut(x, activation: .silu))
    }

    /// `[1 or batch, time]`.
    private func embedding(
        of timestep: Float, guidances: [Float], context: Context, batch: Int
    ) throws -> Tensor {
        let texts = context.added.count
        if texts > 0 || readsGuidance {
            precondition(texts == 0 || batch.isMultiple(of: texts), "\(batch) latents for \(texts) texts")
            let added = (0..<batch).flatMap { texts == 0 ? [] : context.added[$0 / (batch / texts)] }
            return try timeEmbedding(
                timestep, rows: batch, guidances: guidances,
                adding: texts == 0 ? nil : try device.upload(added, shape: [batch, config.timeEmbeddingDim]))
        }
        if let known = embeddings[timestep] { return known }
        if embeddings.count >= 1000 { embeddings.removeAll() }
        let embedding = try timeEmbedding(timestep)
        embeddings[timestep] = embedding
        return embedding
    }
}
