/// The values that diffusers would write into the `config.json` of a checkpoint's parts, told by tensors' names and shapes.
enum CheckpointConfigs {
    /// Group norms have had 32 groups in every published model; no shape tells.
    static let normGroupCount = 32

    /// Of `unet/config.json`.
    ///
    /// - Parameters:
    ///   - part: the UNet's tensors.
    ///   - layersPerBlock: as ``ModuleNames/unet(layersPerBlock:)`` took it.
    ///   - family: decides what no shape tells.
    ///   - prediction: decides the size that models of the second version were trained at.
    /// - Returns: the values by key.
    static func unet(
        _ part: CheckpointPart, layersPerBlock: [Int], family: ModelFamily, prediction: PredictionType
    ) -> [String: JSONValue] {
        let levels = layersPerBlock.indices
        let channels = levels.map { part.extent(0, of: "down_blocks.\($0).resnets.0.conv1.weight") ?? 0 }
        let down = levels.map { level in (0..<layersPerBlock[level]).map { depth(part, "down_blocks.\(level)", $0) } }
        let up = levels.map { index in
            (0...layersPerBlock[levels.count - 1 - index]).map { depth(part, "up_blocks.\(index)", $0) }
        }
        let attention = part.views.keys.filter { $0.hasSuffix(".attn2.to_k.weight") }.min() ?? ""
        let transformer = attention.split(separator: "transformer_blocks.").first ?? ""
        var values: [String: JSONValue] = [
            "_class_name": .string("UNet2DConditionModel"),
            "in_channels": .integer(part.extent(1, of: "conv_in.weight") ?? 0),
            "out_channels": .integer(part.extent(0, of: "conv_out.weight") ?? 0),
            "block_out_channels": .integers(channels),
            "layers_per_block": .integers(layersPerBlock),
            "down_block_types": .strings(
                down.map { $0.allSatisfy { $0 > 0 } ? "CrossAttnDownBlock2D" : "DownBlock2D" }),
            "up_block_types": .strings(up.map { $0.allSatisfy { $0 > 0 } ? "CrossAttnUpBlock2D" : "UpBlock2D" }),
            "mid_block_type": midBlockType(part),
            "cross_attention_dim": .integer(part.extent(1, of: attention) ?? 0),
            "attention_head_dim": heads(channels, family),
            "transformer_layers_per_block": .array(down.map(depths)),
            "norm_num_groups": .integer(normGroupCount),
            "use_linear_projection": .bool(part.views["\(transformer)proj_in.weight"]?.shape.count == 2),
            "sample_size": .integer(sampleSize(family, prediction)),
        ]
        if down.map(depths) != up.reversed().map(depths) {
            values["reverse_transformer_layers_per_block"] = .array(up.map(depths))
        }
        if let width = part.extent(1, of: "time_embedding.cond_proj.weight") {
            values["time_cond_proj_dim"] = .integer(width)
        }
        if family == .stableDiffusionXL {
            values["addition_embed_type"] = .string("text_time")
            values["addition_time_embed_dim"] = .integer(256)
            values["projection_class_embeddings_input_dim"] = .integer(
                part.extent(1, of: "add_embedding.linear_1.weight") ?? 0)
        }
        return values
    }

    /// The first models had 8 heads at any width; later ones have heads of 64 channels.
    private static func heads(_ channels: [Int], _ family: ModelFamily) -> JSONValue {
        family == .stableDiffusion1 ? .integer(8) : .integers(channels.map { max($0 / 64, 1) })
    }

    /// Number of transformer blocks behind a residual block.
    private static func depth(_ part: CheckpointPart, _ block: String, _ layer: Int) -> Int {
        part.count { "\(block).attentions.\(layer).transformer_blocks.\($0).norm1.weight" }
    }

    /// One number where all layers of a block are alike; blocks without attention have the default.
    private static func depths(_ layers: [Int]) -> JSONValue {
        Set(layers).count == 1 ? .integer(max(layers[0], 1)) : .integers(layers)
    }

    private static func midBlockType(_ part: CheckpointPart) -> JSONValue {
        if part.contains("mid_block.attentions.0.norm.weight") { return .string("UNetMidBlock2DCrossAttn") }
        return part.contains("mid_block.resnets.0.norm1.weight") ? .string("UNetMidBlock2D") : .null
    }

    /// Latents along a side in training: 512, 768 or 1024 pixels.
    private static func sampleSize(_ family: ModelFamily, _ prediction: PredictionType) -> Int {
        switch family {
        case .stableDiffusion1: 64
        case .stableDiffusion2: prediction == .velocity ? 96 : 64
        case .stableDiffusionXL: 128
        }
    }

    /// Of `vae/config.json`.
    ///
    /// - Parameters:
    ///   - part: the autoencoder's tensors.
    ///   - levelCount: as ``ModuleNames/vae(levelCount:layersPerBlock:)`` took it.
    ///   - layersPerBlock: as it did.
    ///   - scalingFactor: of the latents, which no shape tells.
    ///   - normGroupCount: of the group norms, which no shape tells either.
    /// - Returns: the values by key.
    static func vae(
        _ part: CheckpointPart, levelCount: Int, layersPerBlock: Int, scalingFactor: Double, normGroupCount: Int
    ) -> [String: JSONValue] {
        let channels = (0..<levelCount).map {
            part.extent(0, of: "decoder.up_blocks.\(levelCount - 1 - $0).resnets.0.conv1.weight") ?? 0
        }
        return [
            "_class_name": .string("AutoencoderKL"),
            "latent_channels": .integer(part.extent(1, of: "decoder.conv_in.weight") ?? 0),
            "out_channels": .integer(part.extent(0, of: "decoder.conv_out.weight") ?? 0),
            "block_out_channels": .integers(channels),
            "up_block_types": .strings(Array(repeating: "UpDecoderBlock2D", count: levelCount)),
            "layers_per_block": .integer(layersPerBlock),
            "norm_num_groups": .integer(normGroupCount),
            "scaling_factor": .number(scalingFactor),
            "use_post_quant_conv": .bool(part.contains("post_quant_conv.weight")),
            "mid_block_add_attention": .bool(part.contains("decoder.mid_block.attentions.0.group_norm.weight")),
        ]
    }

    /// Of `vae/config.json` of an AutoencoderTiny.
    ///
    /// - Parameters:
    ///   - part: the decoder's tensors.
    ///   - counts: number of residual blocks at each resolution.
    /// - Returns: the values by key.
    static func tinyVAE(_ part: CheckpointPart, counts: [Int]) -> [String: JSONValue] {
        let first = "decoder.layers.0.weight"
        let last = "decoder.layers.\(counts.reduce(2 * counts.count, +)).weight"
        return [
            "_class_name": .string(VAEConfig.tinyClass),
            "latent_channels": .integer(part.extent(1, of: first) ?? 0),
            "out_channels": .integer(part.extent(0, of: last) ?? 0),
            "decoder_block_out_channels": .integers(
                Array(repeating: part.extent(0, of: first) ?? 0, count: counts.count)),
            "num_decoder_blocks": .integers(counts),
        ]
    }

    /// Of `vae/config.json` of a model whose file lacks the autoencoder: all families have one of this shape.
    static func usualVAE(scalingFactor: Double) -> [String: JSONValue] {
        [
            "latent_channels": .integer(4), "block_out_channels": .integers([128, 256, 512, 512]),
            "up_block_types": .strings(Array(repeating: "UpDecoderBlock2D", count: 4)),
            "layers_per_block": .integer(2), "norm_num_groups": .integer(normGroupCount),
            "scaling_factor": .number(scalingFactor),
        ]
    }

    /// Of `text_encoder/config.json`; the heads have 64 channels in all of CLIP's text encoders.
    static func textEncoder(_ part: CheckpointPart, activation: TextEncoderConfig.Activation) -> [String: JSONValue] {
        let width = part.extent(1, of: "embeddings.token_embedding.weight") ?? 0
        var values: [String: JSONValue] = [
            "model_type": .string("clip_text_model"),
            "vocab_size": .integer(part.extent(0, of: "embeddings.token_embedding.weight") ?? 0),
            "hidden_size": .integer(width),
            "intermediate_size": .integer(part.extent(0, of: "encoder.layers.0.mlp.fc1.weight") ?? 0),
            "num_hidden_layers": .integer(part.count { "encoder.layers.\($0).layer_norm1.weight" }),
            "num_attention_heads": .integer(max(width / 64, 1)),
            "max_position_embeddings": .integer(part.extent(0, of: "embeddings.position_embedding.weight") ?? 0),
            "hidden_act": .string(activation.rawValue),
        ]
        if let width = part.extent(0, of: "text_projection.weight") { values["projection_dim"] = .integer(width) }
        return values
    }

    /// Of `scheduler/scheduler_config.json`: all three families were trained with the same noise.
    static func scheduler(prediction: PredictionType, hasZeroTerminalSNR: Bool) -> [String: JSONValue] {
        [
            "beta_end": .number(0.012), "beta_schedule": .string("scaled_linear"), "beta_start": .number(0.00085),
            "num_train_timesteps": .integer(1000), "prediction_type": .string(prediction.rawValue),
            "rescale_betas_zero_snr": .bool(hasZeroTerminalSNR), "set_alpha_to_one": .bool(false),
            "steps_offset": .integer(1), "timestep_spacing": .string("leading"),
        ]
    }
}

extension JSONValue {
    fileprivate static func integers(_ values: [Int]) -> JSONValue { .array(values.map(JSONValue.integer)) }
    fileprivate static func strings(_ values: [String]) -> JSONValue { .array(values.map(JSONValue.string)) }
}
