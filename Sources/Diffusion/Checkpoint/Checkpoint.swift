/// A whole model in one safetensors file, in the layout of the code that it was first trained with.
///
/// That is how models are shared among users of A1111 and ComfyUI. The file tells no configuration, so it is told by tensors'
/// names and shapes, as the values that diffusers would write beside the weights. No number is read until a network asks for
/// it, but for one small tensor of Stable Diffusion 2.
///
/// The names: `convert_ldm_unet_checkpoint` and its neighbours in
/// <https://github.com/huggingface/diffusers/blob/main/src/diffusers/loaders/single_file_utils.py>.
package struct Checkpoint: ModelFiles {
    package let path: String
    package let config: ModelConfig
    private let clipMerges: String?
    private let textEncoders: [CheckpointPart]
    private let unet: CheckpointPart
    private let vae: CheckpointPart?

    /// Opens the model at `path`: reads its header.
    ///
    /// - Parameters:
    ///   - path: of a safetensors file.
    ///   - clipMerges: path of CLIP's `bpe_simple_vocab_16e6.txt`, unpacked, since the file carries no tokenizer; `nil` where
    ///     there is none, and then nothing can be encoded.
    /// - Throws: ``DiffusionError`` when the file is damaged, is no such model, or lacks a part other than the autoencoder.
    package init(path: String, clipMerges: String?) throws(DiffusionError) {
        let file = try SafetensorsFile(path: path)
        func config(_ values: [String: JSONValue]) -> ConfigFile { ConfigFile(path: path, values: values) }
        let family = try CheckpointFamily.detect(in: file)
        let layersPerBlock = try Self.layersPerBlock(of: file)
        let unet = try CheckpointPart(
            CheckpointFamily.unetPrefix, of: file, names: .unet(layersPerBlock: layersPerBlock))
        let prediction = try Self.prediction(of: file, family: family, unet: unet, layersPerBlock: layersPerBlock)
        let encoders = try Self.textEncoders(of: file, family: family)
        var encoderConfigs: [TextEncoderConfig] = []
        for (index, part) in encoders.enumerated() {
            let activation: TextEncoderConfig.Activation = part.isOpenCLIP ? .gelu : .quickGELU
            try encoderConfigs.append(
                TextEncoderConfig(
                    config(CheckpointConfigs.textEncoder(part, activation: activation)), hasProjection: index > 0,
                    isPenultimate: family == .stableDiffusionXL))
        }
        let scalingFactor = CheckpointFamily.scalingFactor(of: family)
        let vae = try CheckpointVAE(CheckpointFamily.vaePrefix, of: file, scalingFactor: scalingFactor)
        let vaeConfig =
            if let vae { vae.config } else {
                try VAEConfig(config(CheckpointConfigs.usualVAE(scalingFactor: scalingFactor)))
            }
        self.config = ModelConfig(
            textEncoders: encoderConfigs,
            unet: try UNetConfig(
                config(
                    CheckpointConfigs.unet(
                        unet, layersPerBlock: layersPerBlock, family: family, prediction: prediction))),
            vae: vaeConfig,
            scheduler: try SchedulerConfig(
                config(
                    CheckpointConfigs.scheduler(
                        prediction: prediction, hasZeroTerminalSNR: file.contains("ztsnr")))),
            zeroesEmptyPrompt: family == .stableDiffusionXL)
        self.path = path
        self.clipMerges = clipMerges
        self.textEncoders = encoders
        self.unet = unet
        self.vae = vae?.part
        try self.config.checkAgreement(path: path)
    }

    package func tokenizers() throws(DiffusionError) -> [CLIPTokenizer] {
        guard let clipMerges else {
            throw .unsuitableModel(
                path: path,
                problem: "carries no tokenizer, and CLIP's is not on this host; run `tmdne doctor --fix` to fetch it")
        }
        var tokenizers: [CLIPTokenizer] = []
        for (part, encoder) in zip(textEncoders, config.textEncoders) {
            // OpenCLIP was trained with zeros behind its texts, and that is the id of "!".
            try tokenizers.append(
                CLIPTokenizer(
                    clipMerges: clipMerges, padding: part.isOpenCLIP ? "!" : "<|endoftext|>",
                    contextLength: encoder.positionCount, vocabularySize: encoder.vocabularySize))
        }
        return tokenizers
    }

    package func textEncoderWeights() -> [WeightSource] {
        textEncoders.map { WeightSource(views: $0.views, path: path) }
    }

    package func unetWeights() -> WeightSource {
        WeightSource(views: unet.views, path: path)
    }

    package func vaeWeights() throws(DiffusionError) -> WeightSource {
        guard let vae else {
            throw .unsuitableModel(path: path, problem: "holds no autoencoder; name the file of one under vae:")
        }
        return WeightSource(views: vae.views, path: path)
    }
}

extension Checkpoint {
    /// The number of residual blocks of each level, on the way down; a downsampling ends a level.
    private static func layersPerBlock(of file: SafetensorsFile) throws(DiffusionError) -> [Int] {
        var counts = [0]
        for index in 1... {
            let block = "\(CheckpointFamily.unetPrefix)input_blocks.\(index).0."
            if file.contains("\(block)op.weight") {
                counts.append(0)
            } else if file.contains("\(block)in_layers.0.weight") {
                counts[counts.count - 1] += 1
            } else {
                break
            }
        }
        guard counts.allSatisfy({ $0 > 0 }) else {
            throw .unsuitableModel(path: file.path, problem: "lacks residual blocks of its UNet; download it again")
        }
        return counts
    }

    /// What the UNet predicts. Files of SDXL tell by a marker that it is the velocity. Those of Stable Diffusion 2 do not, but
    /// a bias of the last block varies more in models that predict it: the test of ComfyUI, `SD20.model_type` of
    /// <https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/supported_models.py>.
    private static func prediction(
        of file: SafetensorsFile, family: ModelFamily, unet: CheckpointPart, layersPerBlock: [Int]
    ) throws(DiffusionError) -> PredictionType {
        if file.contains("v_pred") { return .velocity }
        let last = "up_blocks.\(layersPerBlock.count - 1).attentions.\(layersPerBlock[0])"
        guard family == .stableDiffusion2, let bias = unet.views["\(last).transformer_blocks.0.norm1.bias"] else {
            return .epsilon
        }
        let values = try bias.floats().map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return variance.squareRoot() > 0.09 ? .velocity : .epsilon
    }

    private static func textEncoders(
        of file: SafetensorsFile, family: ModelFamily
    ) throws(DiffusionError) -> [CheckpointPart] {
        switch family {
        case .stableDiffusion1:
            return [try .clip("cond_stage_model.transformer.", of: file)]
        case .stableDiffusion2:
            // The encoding is what the last layer would read, so diffusers leaves that layer out of the model.
            var part = try CheckpointPart.openCLIP("cond_stage_model.model.", of: file, hasProjection: false)
            let last = part.count { "encoder.layers.\($0).layer_norm1.weight" } - 1
            part.remove("encoder.layers.\(last).")
            return [part]
        case .stableDiffusionXL:
            return [
                try .clip("conditioner.embedders.0.transformer.", of: file),
                try .openCLIP("conditioner.embedders.1.model.", of: file, hasProjection: true),
            ]
        }
    }
}
