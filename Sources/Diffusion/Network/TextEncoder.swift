/// CLIPTextModel (Radford et al. 2021): token ids to one vector a token, and one for the whole text where there is a projection.
///
/// A text is encoded once for hundreds of UNet evaluations, so a large encoder does not stay in memory: its layers are taken
/// from the model's file one after the other, each time.
package struct TextEncoder {
    private let config: TextEncoderConfig
    private let source: LayerSource
    /// `[vocabulary, channel]` and `[position, channel]`, looked up by the processor that calls.
    private let tokenEmbedding: WeightTensor
    private let positionEmbedding: WeightTensor
    /// Empty if layers are made when they are needed.
    private let layers: [Layer]
    private let finalNorm: LayerNorm

    /// - Parameters:
    ///   - config: The encoder's shape.
    ///   - weights: Its tensors.
    ///   - device: What computes.
    ///   - keepsLayers: Whether the layers stay in memory; `nil` lets their size decide.
    /// - Throws: ``DiffusionError`` when the weights are not those of the config.
    package init(
        config: TextEncoderConfig, weights: WeightSource, device: any Device, keepsLayers: Bool? = nil
    ) throws {
        try self.init(
            config: config, source: LayerSource(device: device, weights: weights), keepsLayers: keepsLayers)
    }

    init(config: TextEncoderConfig, source whole: LayerSource, keepsLayers: Bool? = nil) throws {
        self.config = config
        let source = whole.scoped(ifPresent: "text_model")
        self.source = whole
        tokenEmbedding = try source["embeddings"].tensor(
            "token_embedding.weight", shape: [config.vocabularySize, config.hiddenSize])
        positionEmbedding = try source["embeddings"].tensor(
            "position_embedding.weight", shape: [config.positionCount, config.hiddenSize])
        let layers = try (0..<config.layerCount).map { try Layer(source["encoder.layers.\($0)"], config: config) }
        let isSmall = config.layerCount * config.layerParameterCount <= Self.mostKeptParameters
        self.layers = keepsLayers ?? isSmall ? layers : []
        finalNorm = try source.layerNorm(
            "final_layer_norm", channels: config.hiddenSize, epsilon: config.layerNormEpsilon)
        _ = try projection()
        // Old files keep the numbers 0 ... 76 beside the position embedding, and some a projection that nobody asks for.
        let unused = ["text_model.embeddings.position_ids", "embeddings.position_ids"]
        try whole.requireAllRead(except: config.projectionDim == nil ? unused + ["text_projection."] : unused)
    }

    /// Those of small models alone stay: to read and evaluate CLIP takes a quarter of a second, a row of pictures minutes.
    private static let mostKeptParameters = 50_000_000

    /// Encodes sequences of the length that the model was trained with.
    ///
    /// - Parameters:
    ///   - tokens: ids as the tokenizer pads them, ``TextEncoderConfig/positionCount`` a text.
    ///   - clipSkip: how many of the last layers to leave out, beyond what the model itself does.
    /// - Returns: The states of every token, and where the encoder has a projection, the pooled text.
    /// - Throws: ``DiffusionError`` when an id is not in the vocabulary, or there are not so many layers.
    package func callAsFunction(_ tokens: [[Int32]], clipSkip: Int = 0) throws -> TextEncoding {
        let greatest = config.layerCount - (config.isPenultimate ? 1 : 0)
        guard (0...greatest).contains(clipSkip) else {
            throw DiffusionError.invalidClipSkip(clipSkip, greatest: greatest)
        }
        let depth = greatest - clipSkip
        var x = try source.device.upload(
            try tokens.flatMap(embedded), shape: [tokens.count, config.positionCount, config.hiddenSize])
        for index in 0..<depth { x = try layer(index)(x) }
        let states = config.isPenultimate ? x : try finalNorm(x)
        guard let projection = try projection() else { return TextEncoding(states: states, pooled: []) }
        for index in depth..<config.layerCount { x = try layer(index)(x) }
        return TextEncoding(states: states, pooled: try pooled(try finalNorm(x), of: tokens, by: projection))
    }

    private func layer(_ index: Int) throws -> Layer {
        guard layers.isEmpty else { return layers[index] }
        return try Layer(source.scoped(ifPresent: "text_model")["encoder.layers.\(index)"], config: config)
    }

    /// Made when needed: it runs once a text.
    private func projection() throws -> Linear? {
        try config.projectionDim.map {
            try source.linear("text_projection", inputs: config.hiddenSize, outputs: $0, hasBias: false)
        }
    }

    /// The end token's vector of each text, projected: with causal attention it is the one that has seen the whole text.
    private func pooled(_ states: Tensor, of tokens: [[Int32]], by projection: Linear) throws -> [[Float]] {
        let values = try source.device.download(states)
        let width = config.hiddenSize
        let ends = tokens.enumerated().flatMap { text, tokens in
            let position = config.endPosition(in: tokens)
            let start = (text * config.positionCount + position) * width
            return values[start..<start + width]
        }
        let result = try source.device.download(
            try projection(try source.device.upload(ends, shape: [tokens.count, width])))
        let projected = result.count / tokens.count
        return tokens.indices.map { Array(result[$0 * projected..<($0 + 1) * projected]) }
    }

    private func embedded(_ tokens: [Int32]) throws -> [Float] {
        precondition(tokens.count == config.positionCount)
        let width = config.hiddenSize
        var values = try positionEmbedding.floats()
        for (position, token) in tokens.enumerated() {
            guard let token = Int(exactly: token), (0..<config.vocabularySize).contains(token) else {
                throw DiffusionError.unknownToken(Int(token), vocabulary: config.vocabularySize)
            }
            for (channel, value) in try tokenEmbedding.row(token).enumerated() {
                values[position * width + channel] += value
            }
        }
        return values
    }
}

/// What a text encoder makes of texts.
package struct TextEncoding {
    /// `[text, token, channel]`.
    package let states: Tensor
    /// One vector for each text; none if the encoder has no projection.
    package let pooled: [[Float]]
}

extension TextEncoderConfig {
    /// Weights of one layer: attention, feed-forward, two norms.
    fileprivate var layerParameterCount: Int {
        4 * (hiddenSize + 1) * hiddenSize + 2 * hiddenSize * intermediateSize + intermediateSize + 5 * hiddenSize
    }

    /// Where a text's end token stands, or the first of the greatest ids.
    fileprivate func endPosition(in tokens: [Int32]) -> Int {
        if let endToken { return tokens.firstIndex { Int($0) == endToken } ?? 0 }
        return tokens.max().flatMap(tokens.firstIndex(of:)) ?? 0
    }
}

extension TextEncoder {
    /// Causal self-attention and a feed-forward layer, each behind a norm and beside a residual.
    private struct Layer {
        private let device: any Device
        private let config: TextEncoderConfig
        private let norm1: LayerNorm
        private let projection: Linear
        private let output: Linear
        private let norm2: LayerNorm
        private let widen: Linear
        private let narrow: Linear

        init(_ source: LayerSource, config: TextEncoderConfig) throws {
            device = source.device
            self.config = config
            let width = config.hiddenSize
            try source.requireHead(channels: width / config.headCount)
            norm1 = try source.layerNorm("layer_norm1", channels: width, epsilon: config.layerNormEpsilon)
            projection = try source["self_attn"].linear(
                ["q_proj", "k_proj", "v_proj"], inputs: width, outputs: width)
            output = try source["self_attn"].linear("out_proj", inputs: width, outputs: width)
            norm2 = try source.layerNorm("layer_norm2", channels: width, epsilon: config.layerNormEpsilon)
            widen = try source["mlp"].linear("fc1", inputs: width, outputs: config.intermediateSize)
            narrow = try source["mlp"].linear("fc2", inputs: config.intermediateSize, outputs: width)
        }

        func callAsFunction(_ x: Tensor) throws -> Tensor {
            let width = config.hiddenSize
            let all = try projection(try norm1.forProducts(x), in: device.precision)
            let attended = try device.attention(
                queries: TensorSlice(all), keys: TensorSlice(all, firstChannel: width),
                values: TensorSlice(all, firstChannel: 2 * width), heads: config.headCount,
                headWidth: width / config.headCount, isCausal: true)
            let x = try output(attended, adding: x)
            let activation: Activation =
                switch config.activation {
                case .gelu: .gelu
                case .quickGELU: .quickGELU
                }
            let wide = try widen(try norm2.forProducts(x), activation: activation, in: device.precision)
            return try narrow(wide, adding: x)
        }
    }
}
