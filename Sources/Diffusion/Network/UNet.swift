/// UNet2DConditionModel of the Stable Diffusion 1.x family (Rombach et al. 2022): the noise in latents, given time and text.
package final class UNet {
    /// What the UNet needs of a text, once for all steps: keys and values of every cross-attention.
    package struct Context {
        /// One `[text batch, token, 2 * channel]` a transformer block, in the order of computation.
        let keysAndValues: [Tensor]
    }

    private let config: UNetConfig
    private let timeEmbedding: TimeEmbedding
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
    package init(config: UNetConfig, weights: WeightSource, device: any Device) throws {
        self.config = config
        let source = LayerSource(device: device, weights: weights)
        var builder = UNetLayerBuilder(config: config)
        let channels = config.blockOutChannels
        timeEmbedding = try TimeEmbedding(source["time_embedding"], config: config)
        convolutionIn = try source.convolution(
            "conv_in", inputs: config.inChannels, outputs: channels[0], kernel: config.convInKernel)
        downBlocks = try channels.indices.map {
            try UNetDownBlock(source["down_blocks.\($0)"], level: $0, builder: &builder)
        }
        midBlock = config.midBlockType == nil ? nil : try UNetMidBlock(source["mid_block"], builder: &builder)
        upBlocks = try channels.indices.map {
            try UNetUpBlock(source["up_blocks.\($0)"], index: $0, builder: &builder)
        }
        normOut = try source.groupNorm(
            "conv_norm_out", channels: channels[0], groups: config.normGroupCount, epsilon: config.normEpsilon)
        convolutionOut = try source.convolution(
            "conv_out", inputs: channels[0], outputs: config.outChannels, kernel: config.convOutKernel)
        transformers = builder.transformers
        try weights.requireAllRead()
    }

    /// Prepares texts, `[text batch, token, channel]` as the text encoder returns them, for evaluations.
    package func context(of texts: Tensor) throws -> Context {
        Context(keysAndValues: try transformers.flatMap { try $0.keysAndValues(of: texts) })
    }

    /// Predicts the noise.
    ///
    /// - Parameters:
    ///   - latents: `[batch, height, width, channel]`, scaled as the sampler wants. The batch is a multiple of the texts':
    ///     with two texts, the first half of the latents goes with the first.
    ///   - timestep: of all latents; need not be whole.
    ///   - context: what ``context(of:)`` made of the texts.
    /// - Returns: as many latents.
    /// - Throws: ``DiffusionError`` when memory runs out.
    package func callAsFunction(_ latents: Tensor, timestep: Float, context: Context) throws -> Tensor {
        let time = try embedding(of: timestep)
        var x = try convolutionIn(latents)
        var skips = [x]
        for block in downBlocks { x = try block(x, skips: &skips, time: time, context: context) }
        x = try midBlock?(x, time: time, context: context) ?? x
        for block in upBlocks { x = try block(x, skips: &skips, time: time, context: context) }
        return try convolutionOut(try normOut(x, activation: .silu))
    }

    private func embedding(of timestep: Float) throws -> Tensor {
        if let known = embeddings[timestep] { return known }
        if embeddings.count >= 1000 { embeddings.removeAll() }
        let embedding = try timeEmbedding(timestep)
        embeddings[timestep] = embedding
        return embedding
    }
}
