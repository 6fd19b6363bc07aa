/// diffusers' `Transformer2DModel`: a picture's pixels as a sequence that attends to itself and to the text.
struct SpatialTransformer {
    private let device: any Device
    private let norm: GroupNorm
    private let projectIn: Linear
    private let blocks: [TransformerBlock]
    private let projectOut: Linear

    init(
        _ source: LayerSource, channels: Int, heads: Int, depth: Int, contextChannels: Int, groups: Int,
        hasLinearProjection: Bool
    ) throws {
        device = source.device
        // The epsilon of this norm is fixed in diffusers, whatever the UNet's config says.
        norm = try source.groupNorm("norm", channels: channels, groups: groups, epsilon: 1e-6)
        projectIn = try source.linear(
            "proj_in", inputs: channels, outputs: channels, isConvolution: !hasLinearProjection)
        blocks = try (0..<depth).map {
            try TransformerBlock(
                source["transformer_blocks.\($0)"], channels: channels, heads: heads, contextChannels: contextChannels)
        }
        projectOut = try source.linear(
            "proj_out", inputs: channels, outputs: channels, isConvolution: !hasLinearProjection)
    }

    /// Keys and values of the text for each block, `[context batch, token, 2 * channel]`.
    func keysAndValues(of context: Tensor) throws -> [Tensor] {
        try blocks.map { try $0.crossAttention.keysAndValues(context) }
    }

    /// `[batch, height, width, channel]` to the same; `text` is what ``keysAndValues(of:)`` returned.
    func callAsFunction(_ x: Tensor, text: ArraySlice<Tensor>) throws -> Tensor {
        let sequence = [x.shape[0], x.rows / x.shape[0], x.channels]
        var hidden = try projectIn(try norm(x, in: device.precision).reshaped(sequence))
        for (block, text) in zip(blocks, text) { hidden = try block(hidden, text: text) }
        return try projectOut(hidden, adding: x.reshaped(sequence)).reshaped(x.shape)
    }

    var depth: Int { blocks.count }
}

/// Self-attention, attention to the text and a gated feed-forward layer, each with norm and residual.
struct TransformerBlock {
    private let norm1: LayerNorm
    private let selfAttention: SelfAttention
    private let norm2: LayerNorm
    fileprivate let crossAttention: CrossAttention
    private let norm3: LayerNorm
    private let gate: Linear
    private let output: Linear

    init(_ source: LayerSource, channels: Int, heads: Int, contextChannels: Int) throws {
        norm1 = try source.layerNorm("norm1", channels: channels, epsilon: 1e-5)
        selfAttention = try SelfAttention(source["attn1"], channels: channels, heads: heads, hasBias: false)
        norm2 = try source.layerNorm("norm2", channels: channels, epsilon: 1e-5)
        crossAttention = try CrossAttention(
            source["attn2"], channels: channels, heads: heads, contextChannels: contextChannels)
        norm3 = try source.layerNorm("norm3", channels: channels, epsilon: 1e-5)
        gate = try source.linear("ff.net.0.proj", inputs: channels, outputs: 8 * channels)
        output = try source.linear("ff.net.2", inputs: 4 * channels, outputs: channels)
    }

    func callAsFunction(_ x: Tensor, text: Tensor) throws -> Tensor {
        var x = try selfAttention(try norm1.forProducts(x), adding: x)
        x = try crossAttention(try norm2.forProducts(x), text: text, adding: x)
        return try output(try gate.gated(try norm3.forProducts(x)), adding: x)
    }
}

/// Attention of a sequence to itself; queries, keys and values come from one product.
struct SelfAttention {
    private let device: any Device
    private let projection: Linear
    private let output: Linear
    private let channels: Int
    private let heads: Int

    init(_ source: LayerSource, channels: Int, heads: Int, hasBias: Bool) throws {
        device = source.device
        self.channels = channels
        self.heads = heads
        try source.requireHead(channels: channels / heads)
        projection = try source.linear(
            ["to_q", "to_k", "to_v"], inputs: channels, outputs: channels, hasBias: hasBias)
        output = try source.linear("to_out.0", inputs: channels, outputs: channels)
    }

    /// `x` and the residual are `[batch, token, channel]`.
    func callAsFunction(_ x: Tensor, adding residual: Tensor) throws -> Tensor {
        let all = try projection(x, in: device.precision)
        let attended = try device.attention(
            queries: TensorSlice(all), keys: TensorSlice(all, firstChannel: channels),
            values: TensorSlice(all, firstChannel: 2 * channels), heads: heads, headWidth: channels / heads,
            isCausal: false)
        return try output(attended, adding: residual)
    }
}

/// Attention of a picture to the text, whose keys and values stay the same through all steps.
struct CrossAttention {
    private let device: any Device
    private let query: Linear
    private let keyValue: Linear
    private let output: Linear
    private let channels: Int
    private let heads: Int

    init(_ source: LayerSource, channels: Int, heads: Int, contextChannels: Int) throws {
        device = source.device
        self.channels = channels
        self.heads = heads
        try source.requireHead(channels: channels / heads)
        query = try source.linear("to_q", inputs: channels, outputs: channels, hasBias: false)
        keyValue = try source.linear(
            ["to_k", "to_v"], inputs: contextChannels, outputs: channels, hasBias: false)
        output = try source.linear("to_out.0", inputs: channels, outputs: channels)
    }

    func keysAndValues(_ context: Tensor) throws -> Tensor { try keyValue(context, in: device.precision) }

    /// `x` is `[batch, token, channel]`; `text` holds keys beside values, `[text batch, text token, 2 * channel]`, and its
    /// batch divides that of `x`.
    func callAsFunction(_ x: Tensor, text: Tensor, adding residual: Tensor) throws -> Tensor {
        let attended = try device.attention(
            queries: TensorSlice(try query(x, in: device.precision)), keys: TensorSlice(text),
            values: TensorSlice(text, firstChannel: channels), heads: heads, headWidth: channels / heads,
            isCausal: false)
        return try output(attended, adding: residual)
    }
}
