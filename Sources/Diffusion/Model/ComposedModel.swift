/// A model with another autoencoder, with LoRAs merged into its weights, or both.
///
/// The files of the model stay as they are, and mapped: a LoRA's products are added to each tensor when a network reads it.
package struct ComposedModel: ModelFiles {
    package let config: ModelConfig
    private let base: any ModelFiles
    private let vae: CheckpointVAE?
    private let deltas: [LoRAKey.Network: [String: [LoRADelta]]]

    /// Opens the files that change `base`: reads headers.
    ///
    /// - Parameters:
    ///   - base: the model.
    ///   - vaePath: path of an autoencoder in one file, in the original layout or in diffusers', AutoencoderKL's or TAESD's;
    ///     `nil` keeps the model's own.
    ///   - loras: what is merged.
    /// - Throws: ``DiffusionError`` when a file is damaged or was not made for such a model.
    package init(_ base: any ModelFiles, vae vaePath: String? = nil, loras: LoRASet) throws(DiffusionError) {
        self.base = base
        vae = try vaePath.map { path throws(DiffusionError) in
            let file = try SafetensorsFile(path: path)
            if let tiny = try CheckpointVAE(tiny: file) { return tiny }
            // What TAESD takes for latents is what the sampler leaves; the other's are scaled as in the model's family.
            let scalingFactor =
                base.config.vae.tinyBlockCounts == nil
                ? Double(base.config.vae.scalingFactor) : CheckpointFamily.scalingFactor(of: base.config.family)
            for prefix in ["", CheckpointFamily.vaePrefix, "vae."] {
                let vae = try CheckpointVAE(
                    prefix, of: file, scalingFactor: scalingFactor, normGroupCount: base.config.vae.normGroupCount)
                if let vae { return vae }
            }
            if CheckpointVAE.isTinyEncoder(file) {
                throw .unsuitableModel(path: path, problem: "is the encoder of TAESD; name the file of its decoder")
            }
            throw .unsuitableModel(path: path, problem: "holds no autoencoder of Stable Diffusion; name another file")
        }
        var config = base.config
        if let vae { config.vae = vae.config }
        self.config = config
        var sources: [LoRAKey.Network: WeightSource] = [.unet: try base.unetWeights()]
        for (index, source) in try base.textEncoderWeights().enumerated() { sources[.textEncoder(index)] = source }
        deltas = try loras.deltas(for: sources, unetNames: .unet(layersPerBlock: config.unet.layersPerBlock))
        try config.checkAgreement(path: path)
    }

    package var path: String { base.path }

    package func tokenizers() throws(DiffusionError) -> [CLIPTokenizer] { try base.tokenizers() }

    package func textEncoderWeights() throws(DiffusionError) -> [WeightSource] {
        try base.textEncoderWeights().enumerated().map { index, source in
            source.adding(deltas[.textEncoder(index)] ?? [:])
        }
    }

    package func unetWeights() throws(DiffusionError) -> WeightSource {
        try base.unetWeights().adding(deltas[.unet] ?? [:])
    }

    package func vaeWeights() throws(DiffusionError) -> WeightSource {
        guard let vae else { return try base.vaeWeights() }
        return WeightSource(views: vae.part.views, path: vae.path)
    }
}
