/// CLIPTextModel (Radford et al. 2021): token ids to one vector a token.
package struct TextEncoder {
    private let config: TextEncoderConfig
    private let device: any Device
    /// `[vocabulary, channel]` and `[position, channel]`, looked up by the processor that calls.
    private let tokenEmbedding: [Float]
    private let positionEmbedding: [Float]
    private let layers: [Layer]
    private let finalNorm: LayerNorm

    /// - Throws: ``DiffusionError`` when the weights are not those of the config, or memory runs out.
    package init(config: TextEncoderConfig, weights: WeightSource, device: any Device) throws {
        self.config = config
        self.device = device
        let source = LayerSource(device: device, weights: weights)
        let embeddings = weights.scoped("embeddings")
        tokenEmbedding = try embeddings.floats(
            "token_embedding.weight", shape: [config.vocabularySize, config.hiddenSize])
        positionEmbedding = try embeddings.floats(
            "position_embedding.weight", shape: [config.positionCount, config.hiddenSize])
        layers = try (0..<config.layerCount).map {
            try Layer(source["encoder.layers.\($0)"], config: config)
        }
        finalNorm = try source.layerNorm(
            "final_layer_norm", channels: config.hiddenSize, epsilon: config.layerNormEpsilon)
        // Old files keep the numbers 0 ... 76 beside the position embedding.
        try weights.requireAllRead(except: ["embeddings.position_ids"])
    }

    /// Encodes sequences of the length that the model was trained with.
    ///
    /// - Parameter tokens: ids as the tokenizer pads them, ``TextEncoderConfig/positionCount`` a text.
    /// - Returns: the last hidden state after the final norm, `[text, token, channel]`.
    /// - Throws: ``DiffusionError`` when an id is not in the vocabulary.
    package func callAsFunction(_ tokens: [[Int32]]) throws -> Tensor {
        var x = try device.upload(
            try tokens.flatMap(embedded), shape: [tokens.count, config.positionCount, config.hiddenSize])
        for layer in layers { x = try layer(x) }
        return try finalNorm(x)
    }

    private func embedded(_ tokens: [Int32]) throws -> [Float] {
        precondition(tokens.count == config.positionCount)
        let width = config.hiddenSize
        var values = positionEmbedding
        for (position, token) in tokens.enumerated() {
            guard let token = Int(exactly: token), (0..<config.vocabularySize).contains(token) else {
                throw DiffusionError.unknownToken(Int(token), vocabulary: config.vocabularySize)
            }
            for channel in 0..<width { values[position * width + channel] += tokenEmbedding[token * width + channel] }
        }
        return values
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
            let all = try projection(try norm1(x))
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
            return try narrow(try widen(try norm2(x), activation: activation), adding: x)
        }
    }
}
