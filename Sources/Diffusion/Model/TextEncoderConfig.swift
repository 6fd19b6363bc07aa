/// The shape of a CLIP text encoder, from `text_encoder/config.json`.
package struct TextEncoderConfig: Equatable, Sendable {
    /// The activations that CLIP's feed-forward layers are built with.
    package enum Activation: String, CaseIterable, Sendable {
        /// The exact x·Φ(x).
        case gelu
        /// The approximation x·σ(1.702x) of OpenAI's models.
        case quickGELU = "quick_gelu"
    }

    /// Number of token embeddings; every token id is below it.
    package let vocabularySize: Int
    /// Width of the embeddings and of the result.
    package let hiddenSize: Int
    /// Width of the feed-forward layers.
    package let intermediateSize: Int
    package let layerCount: Int
    package let headCount: Int
    /// Number of position embeddings: the length of every token sequence.
    package let positionCount: Int
    package let layerNormEpsilon: Float
    package let activation: Activation
    /// The token whose position stands for the whole text; `nil` means the greatest id, as in files of old.
    package let endToken: Int?
    /// Width of the projected vector of the whole text, for encoders that have a projection.
    package let projectionDim: Int?
    /// Whether the encoding is taken before the last layer and without the final norm, as Stable Diffusion XL does.
    package var isPenultimate: Bool
}

extension TextEncoderConfig {
    /// Reads the config at `path`, which does not tell what the encoder is used for: that is the model's.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing, contradicts itself or asks for what is not supported.
    package init(
        path: String, hasProjection: Bool = false, isPenultimate: Bool = false
    ) throws(DiffusionError) {
        try self.init(ConfigFile(path: path), hasProjection: hasProjection, isPenultimate: isPenultimate)
    }

    /// Reads the config of a file, or what stands for one where a model has none.
    init(
        _ file: ConfigFile, hasProjection: Bool = false, isPenultimate: Bool = false
    ) throws(DiffusionError) {
        try file.require("model_type", is: "clip_text_model")
        vocabularySize = try file.integer("vocab_size", in: 3...10_000_000)
        hiddenSize = try file.integer("hidden_size", in: 1...65_536)
        intermediateSize = try file.integer("intermediate_size", in: 1...262_144)
        layerCount = try file.integer("num_hidden_layers", in: 1...256)
        headCount = try file.integer("num_attention_heads", in: 1...1024)
        positionCount = try file.integer("max_position_embeddings", in: 3...4096, default: 77)
        layerNormEpsilon = Float(try file.number("layer_norm_eps", in: 1e-12...0.1, default: 1e-5))
        activation = try file.choice("hidden_act", default: .quickGELU)
        // transformers once wrote 2 for every encoder, and still takes the greatest id for it.
        let endToken = try file.integer("eos_token_id", in: 0...10_000_000, default: 2)
        self.endToken = endToken == 2 ? nil : endToken
        projectionDim = hasProjection ? try file.integer("projection_dim", in: 1...65_536, default: 512) : nil
        self.isPenultimate = isPenultimate
        guard hiddenSize.isMultiple(of: headCount) else {
            throw file.invalid(
                "num_attention_heads", "is \(headCount), which does not divide hidden_size \(hiddenSize)")
        }
    }
}
