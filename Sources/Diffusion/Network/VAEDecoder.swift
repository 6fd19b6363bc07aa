/// The decoder of AutoencoderKL (Rombach et al. 2022): latents to a picture.
///
/// Norms and upsampled activations are prepared in bands of rows, with the statistics of the whole picture: what is computed
/// is exactly what it would be in one piece, without its memory and without the seams of tiles.
package struct VAEDecoder: PictureDecoder {
    private let config: VAEConfig
    private let postQuantization: Linear?
    private let convolutionIn: Convolution
    private let midResidual1: ResidualBlock
    private let midAttention: VAEAttention?
    private let midResidual2: ResidualBlock
    private let upBlocks: [UpBlock]
    private let normOut: GroupNorm
    private let convolutionOut: Convolution

    /// - Throws: ``DiffusionError`` when the weights are not those of the config, or memory runs out.
    package init(config: VAEConfig, weights: WeightSource, device: any Device) throws {
        try self.init(config: config, source: LayerSource(device: device, weights: weights))
    }

    init(config: VAEConfig, source: LayerSource) throws {
        self.config = config
        postQuantization =
            config.usesPostQuantConv
            ? try source.linear(
                "post_quant_conv", inputs: config.latentChannels, outputs: config.latentChannels, isConvolution: true)
            : nil
        let decoder = source["decoder"]
        // diffusers runs the decoder from the lowest resolution up; its lists are in that order, the config's are not.
        let channels = Array(config.blockOutChannels.reversed())
        convolutionIn = try decoder.convolution("conv_in", inputs: config.latentChannels, outputs: channels[0])
        let mid = decoder["mid_block"]
        midResidual1 = try Self.residual(mid["resnets.0"], inputs: channels[0], outputs: channels[0], config: config)
        midAttention =
            config.midBlockHasAttention
            ? try VAEAttention(mid["attentions.0"], channels: channels[0], groups: config.normGroupCount) : nil
        midResidual2 = try Self.residual(mid["resnets.1"], inputs: channels[0], outputs: channels[0], config: config)
        upBlocks = try channels.indices.map { index in
            try UpBlock(
                decoder["up_blocks.\(index)"], inputs: channels[max(index - 1, 0)], outputs: channels[index],
                isLast: index == channels.count - 1, config: config)
        }
        let last = channels[channels.count - 1]
        normOut = try decoder.groupNorm(
            "conv_norm_out", channels: last, groups: config.normGroupCount, epsilon: Self.epsilon)
        convolutionOut = try decoder.convolution("conv_out", inputs: last, outputs: config.outChannels)
        try source.requireAllRead(except: ["encoder.", "quant_conv."])
    }

    /// Decodes latents as the sampler leaves them; the scaling factor is taken out here.
    ///
    /// Latents `[batch, height, width, channel]` give `[batch, 8 * height, 8 * width, 3]` for the usual four resolutions,
    /// about -1 to 1.
    package func callAsFunction(_ latents: [Float], shape: [Int], on device: any Device) throws -> Tensor {
        let unscaled = latents.map { $0 / config.scalingFactor + config.shiftFactor }
        var x = try device.upload(unscaled, shape: shape)
        x = try postQuantization?(x) ?? x
        x = try convolutionIn(x)
        x = try midResidual1(x)
        x = try midAttention?(x) ?? x
        x = try midResidual2(x)
        for block in upBlocks { x = try block(x) }
        return try convolutionOut(normalised: x, by: normOut, activation: .silu)
    }

    /// Fixed in diffusers for the whole autoencoder.
    fileprivate static let epsilon: Float = 1e-6

    fileprivate static func residual(
        _ source: LayerSource, inputs: Int, outputs: Int, config: VAEConfig
    ) throws -> ResidualBlock {
        try ResidualBlock(
            source, inputs: inputs, outputs: outputs, timeChannels: nil, groups: config.normGroupCount,
            epsilon: epsilon)
    }
}

extension VAEDecoder {
    /// Residual blocks of one resolution, then twice the size.
    private struct UpBlock {
        let residuals: [ResidualBlock]
        let upsample: Upsample?

        init(_ source: LayerSource, inputs: Int, outputs: Int, isLast: Bool, config: VAEConfig) throws {
            residuals = try (0...config.layersPerBlock).map { index in
                try VAEDecoder.residual(
                    source["resnets.\(index)"], inputs: index == 0 ? inputs : outputs, outputs: outputs, config: config)
            }
            upsample = isLast ? nil : try Upsample(source["upsamplers.0"], channels: outputs)
        }

        func callAsFunction(_ x: Tensor) throws -> Tensor {
            var x = x
            for residual in residuals { x = try residual(x) }
            return try upsample?(x) ?? x
        }
    }
}

/// Attention of all pixels to all, one head, behind a group norm.
private struct VAEAttention {
    private let norm: GroupNorm
    private let attention: SelfAttention

    init(_ source: LayerSource, channels: Int, groups: Int) throws {
        norm = try source.groupNorm("group_norm", channels: channels, groups: groups, epsilon: VAEDecoder.epsilon)
        attention = try SelfAttention(source, channels: channels, heads: 1, hasBias: true)
    }

    func callAsFunction(_ x: Tensor) throws -> Tensor {
        let sequence = [x.shape[0], x.rows / x.shape[0], x.channels]
        return try attention(try norm(x, in: norm.device.precision).reshaped(sequence), adding: x.reshaped(sequence))
            .reshaped(x.shape)
    }
}
