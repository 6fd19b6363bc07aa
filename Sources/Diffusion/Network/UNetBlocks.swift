/// A residual block with the transformer behind it, if its block has any.
struct UNetLayer {
    let residual: ResidualBlock
    let transformer: SpatialTransformer?
    /// Where the transformer's keys and values stand in ``UNet/Context``.
    let text: Range<Int>

    func callAsFunction(_ x: Tensor, time: Tensor, context: UNet.Context) throws -> Tensor {
        let hidden = try residual(x, time: time)
        return try transformer?(hidden, text: context.keysAndValues[text]) ?? hidden
    }
}

/// Builds the layers of the blocks and numbers the transformers as they come.
struct UNetLayerBuilder {
    let config: UNetConfig
    private(set) var transformers: [SpatialTransformer] = []
    private var textCount = 0

    init(config: UNetConfig) {
        self.config = config
    }

    /// Builds layer `index` of the block at `source`; `level`, the resolution from 0 for the highest, decides heads and
    /// context width, and `depth` is the number of transformer blocks, or `nil` for none at all.
    mutating func layer(
        _ source: LayerSource, index: Int, inputs: Int, outputs: Int, level: Int, depth: Int?
    ) throws -> UNetLayer {
        let residual = try residual(source, index: index, inputs: inputs, outputs: outputs)
        guard let depth else { return UNetLayer(residual: residual, transformer: nil, text: textCount..<textCount) }
        let (transformer, text) = try attention(source, index: index, channels: outputs, level: level, depth: depth)
        return UNetLayer(residual: residual, transformer: transformer, text: text)
    }

    func residual(_ source: LayerSource, index: Int, inputs: Int, outputs: Int) throws -> ResidualBlock {
        try ResidualBlock(
            source["resnets.\(index)"], inputs: inputs, outputs: outputs, timeChannels: config.timeEmbeddingDim,
            groups: config.normGroupCount, epsilon: config.normEpsilon)
    }

    private mutating func attention(
        _ source: LayerSource, index: Int, channels: Int, level: Int, depth: Int
    ) throws -> (SpatialTransformer, Range<Int>) {
        let transformer = try SpatialTransformer(
            source["attentions.\(index)"], channels: channels, heads: config.headCounts[level],
            depth: depth, contextChannels: config.crossAttentionDims[level],
            groups: config.normGroupCount, hasLinearProjection: config.usesLinearProjection)
        transformers.append(transformer)
        let text = textCount..<(textCount + transformer.depth)
        textCount = text.upperBound
        return (transformer, text)
    }
}

/// One resolution on the way down.
struct UNetDownBlock {
    private let layers: [UNetLayer]
    private let downsample: Downsample?

    init(_ source: LayerSource, level: Int, builder: inout UNetLayerBuilder) throws {
        let config = builder.config
        let outputs = config.blockOutChannels[level]
        let inputs = config.blockOutChannels[max(level - 1, 0)]
        layers = try (0..<config.layersPerBlock[level]).map { index in
            try builder.layer(
                source, index: index, inputs: index == 0 ? inputs : outputs, outputs: outputs, level: level,
                depth: config.downBlockTypes[level] == .crossAttention
                    ? config.downTransformerDepths[level][index] : nil)
        }
        let isLast = level == config.blockOutChannels.count - 1
        downsample = isLast ? nil : try Downsample(source["downsamplers.0"], channels: outputs, padding: 1)
    }

    /// Appends what the way up needs to `skips`.
    func callAsFunction(_ x: Tensor, skips: inout [Tensor], time: Tensor, context: UNet.Context) throws -> Tensor {
        var x = x
        for layer in layers {
            x = try layer(x, time: time, context: context)
            skips.append(x)
        }
        if let downsample {
            x = try downsample(x)
            skips.append(x)
        }
        return x
    }
}

/// The lowest resolution: residual, transformer, residual; or the first of them alone.
struct UNetMidBlock {
    private let first: UNetLayer
    private let second: ResidualBlock?

    init(_ source: LayerSource, type: UNetConfig.MidBlockType, builder: inout UNetLayerBuilder) throws {
        let level = builder.config.blockOutChannels.count - 1
        let channels = builder.config.blockOutChannels[level]
        first = try builder.layer(
            source, index: 0, inputs: channels, outputs: channels, level: level,
            depth: type == .crossAttention ? builder.config.midTransformerDepth : nil)
        second =
            type == .crossAttention
            ? try builder.residual(source, index: 1, inputs: channels, outputs: channels) : nil
    }

    func callAsFunction(_ x: Tensor, time: Tensor, context: UNet.Context) throws -> Tensor {
        let x = try first(x, time: time, context: context)
        return try second?(x, time: time) ?? x
    }
}

/// One resolution on the way up; each layer takes a skip connection beside its input.
struct UNetUpBlock {
    private let device: any Device
    private let layers: [UNetLayer]
    private let upsample: Upsample?

    /// `index` is the block's number in the order of computation.
    init(_ source: LayerSource, index: Int, builder: inout UNetLayerBuilder) throws {
        device = source.device
        let config = builder.config
        let level = config.blockOutChannels.count - 1 - index
        let outputs = config.blockOutChannels[level]
        let previous = config.blockOutChannels[min(level + 1, config.blockOutChannels.count - 1)]
        let lastSkip = config.blockOutChannels[max(level - 1, 0)]
        let count = config.layersPerBlock[level] + 1
        layers = try (0..<count).map { layer in
            try builder.layer(
                source, index: layer,
                inputs: (layer == 0 ? previous : outputs) + (layer == count - 1 ? lastSkip : outputs),
                outputs: outputs, level: level,
                depth: config.upBlockTypes[index] == .crossAttention ? config.upTransformerDepths[index][layer] : nil)
        }
        upsample = level == 0 ? nil : try Upsample(source["upsamplers.0"], channels: outputs)
    }

    /// Takes the layers' skip connections from the end of `skips`.
    func callAsFunction(_ x: Tensor, skips: inout [Tensor], time: Tensor, context: UNet.Context) throws -> Tensor {
        var x = x
        for layer in layers {
            x = try layer(try device.concatenated(x, skips.removeLast()), time: time, context: context)
        }
        guard let upsample, let next = skips.last else { return x }
        // Where a side was odd, twice the half is one too few.
        return try upsample(x, height: next.shape[1], width: next.shape[2])
    }
}
