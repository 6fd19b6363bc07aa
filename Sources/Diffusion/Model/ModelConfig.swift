/// The shape of a whole model: everything about it but the weights.
package struct ModelConfig: Equatable, Sendable {
    /// One text encoder, or the two of Stable Diffusion XL.
    package let textEncoders: [TextEncoderConfig]
    package let unet: UNetConfig
    package var vae: VAEConfig
    package var scheduler: SchedulerConfig
    /// Whether no negative prompt means zeros to the UNet, instead of the encoding of an empty text.
    package let zeroesEmptyPrompt: Bool

    package init(
        textEncoders: [TextEncoderConfig], unet: UNetConfig, vae: VAEConfig, scheduler: SchedulerConfig,
        zeroesEmptyPrompt: Bool
    ) {
        self.textEncoders = textEncoders
        self.unet = unet
        self.vae = vae
        self.scheduler = scheduler
        self.zeroesEmptyPrompt = zeroesEmptyPrompt
    }

    package var family: ModelFamily {
        if unet.addedCondition != nil { return .stableDiffusionXL }
        // The width of OpenCLIP-H, the text encoder that Stable Diffusion 2 brought.
        return unet.crossAttentionDims.contains(1024) ? .stableDiffusion2 : .stableDiffusion1
    }

    /// Width of the text encodings: those of all encoders, side by side.
    package var contextDim: Int { textEncoders.reduce(0) { $0 + $1.hiddenSize } }

    /// Makes sure that the parts work on one another's results; `path` names the model in messages.
    ///
    /// - Throws: ``DiffusionError`` naming what does not fit, or what the model is for when that is not supported.
    func checkAgreement(path: String) throws(DiffusionError) {
        func invalid(_ key: String, _ problem: String) -> DiffusionError {
            .invalidConfig(path: path, key: key, problem: problem)
        }
        let latents = vae.latentChannels
        if unet.inChannels != latents, let model = UnsupportedModel(unetInputs: unet.inChannels) {
            throw .unsupportedModel(path: path, model)
        }
        for (key, channels) in [("in_channels", unet.inChannels), ("out_channels", unet.outChannels)]
        where channels != latents {
            throw invalid(key, "is \(channels), but the VAE's latents have \(latents) channels")
        }
        if let added = unet.addedCondition {
            let width = textEncoders.last?.projectionDim ?? 0
            // The refiner is told five numbers: an aesthetic score in place of the target's size.
            if added.inputDim == width + (SizeCondition.count - 1) * added.sizeDim {
                throw .unsupportedModel(path: path, .refiner)
            }
            guard added.pooledDim == width else {
                throw invalid(
                    "projection_class_embeddings_input_dim",
                    "leaves \(added.pooledDim) channels to the text, but the text encoder projects to \(width)")
            }
        }
        for width in unet.crossAttentionDims where width != contextDim {
            let sizes = textEncoders.map { "\($0.hiddenSize)" }.joined(separator: " + ")
            throw invalid("cross_attention_dim", "is \(width), but the text encoder's hidden_size is \(sizes)")
        }
    }
}
