/// A whole model in one safetensors file, in the layout of the code that it was first trained with.
///
/// That is how models are shared among users of A1111 and ComfyUI. The file tells no configuration, so it is told by tensors'
/// names and shapes, as the same values that diffusers would write beside the weights. No number is read until a network
/// asks for it, but for one small tensor of SD 2.
///
/// The names: `convert_ldm_unet_checkpoint` and its neighbours in
/// <https://github.com/huggingface/diffusers/blob/main/src/diffusers/loaders/single_file_utils.py>.
package struct Checkpoint: Sendable {
    /// Where the model is.
    package let path: String
    package let family: CheckpointFamily
    /// The first has CLIP's layout; the second, of SDXL alone, OpenCLIP's.
    package let textEncoders: [TextEncoderConfig]
    package let unet: UNetConfig
    /// `nil` when the file was saved without its autoencoder.
    package let vae: VAEConfig?
    package let scheduler: SchedulerConfig
    private let textEncoderParts: [CheckpointPart]
    private let unetPart: CheckpointPart
    private let vaePart: CheckpointPart?

    /// Opens the model at `path`: reads its header.
    ///
    /// - Throws: ``DiffusionError`` when the file is damaged, is no such model, or lacks a part other than the VAE.
    package init(path: String) throws(DiffusionError) {
        let file = try SafetensorsFile(path: path)
        let family = try CheckpointFamily(of: file)
        let layersPerBlock = try Self.layersPerBlock(of: file)
        let unetPart = try CheckpointPart(
            CheckpointFamily.unetPrefix, of: file, names: .unet(layersPerBlock: layersPerBlock))
        let prediction = try Self.prediction(of: file, family: family, unet: unetPart)
        scheduler = try SchedulerConfig(
            ConfigFile(
                path: path,
                values: CheckpointConfigs.scheduler(
                    prediction: prediction, hasZeroTerminalSNR: file.contains("ztsnr"))))
        unet = try UNetConfig(
            ConfigFile(
                path: path,
                values: CheckpointConfigs.unet(
                    unetPart, layersPerBlock: layersPerBlock, family: family, prediction: prediction)))
        textEncoderParts = try Self.textEncoderParts(of: file, family: family)
        textEncoders = try Self.textEncoders(textEncoderParts, family: family, path: path)
        let vae = try CheckpointVAE(CheckpointFamily.vaePrefix, of: file, scalingFactor: family.scalingFactor)
        self.vae = vae?.config
        vaePart = vae?.part
        self.path = path
        self.family = family
        self.unetPart = unetPart
    }

    /// The weights of the text encoder of that index, with names that begin with `embeddings`, `encoder` or
    /// `final_layer_norm`.
    package func textEncoderWeights(_ index: Int) -> WeightSource {
        WeightSource(views: textEncoderParts[index].views, path: path)
    }

    package var unetWeights: WeightSource {
        WeightSource(views: unetPart.views, path: path)
    }

    /// The weights of the autoencoder, encoder and decoder, when the file has them.
    package var vaeWeights: WeightSource? {
        vaePart.map { WeightSource(views: $0.views, path: path) }
    }
}

extension Checkpoint {
    /// The number of residual blocks of each level, on the way down; a downsampling ends a level.
    private static func layersPerBlock(of file: SafetensorsFile) throws(DiffusionError) -> [Int] {
        var counts = [0]
        var index = 1
        while true {
            let block = "\(CheckpointFamily.unetPrefix)input_blocks.\(index).0."
            if file.contains("\(block)op.weight") {
                counts.append(0)
            } else if file.contains("\(block)in_layers.0.weight") {
                counts[counts.count - 1] += 1
            } else {
                break
            }
            index += 1
        }
        guard counts.allSatisfy({ $0 > 0 }) else {
            throw .unsuitableModel(
                path: file.path, problem: "lacks residual blocks of its UNet; download it again")
        }
        return counts
    }

    /// What the UNet predicts. Files of SDXL tell by a marker that it is the velocity. Those of SD 2 do not, but a bias of
    /// the last block varies more in models that predict it: the test of ComfyUI, `SD20.model_type` of
    /// <https://github.com/comfyanonymous/ComfyUI/blob/master/comfy/supported_models.py>.
    private static func prediction(
        of file: SafetensorsFile, family: CheckpointFamily, unet: CheckpointPart
    ) throws(DiffusionError) -> PredictionType {
        if file.contains("v_pred") { return .velocity }
        guard family == .stableDiffusion2,
            let bias = unet.views["up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias"]
        else { return .epsilon }
        let values = try bias.floats().map(Double.init)
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return variance.squareRoot() > 0.09 ? .velocity : .epsilon
    }

    private static func textEncoderParts(
        of file: SafetensorsFile, family: CheckpointFamily
    ) throws(DiffusionError) -> [CheckpointPart] {
        func openCLIP(_ prefix: String, ignoring ignored: [String] = []) throws(DiffusionError) -> CheckpointPart {
            let layers = (0...).prefix { file.contains("\(prefix)transformer.resblocks.\($0).ln_1.weight") }.count
            return try CheckpointPart(
                prefix, of: file, names: .openCLIP(layerCount: layers),
                ignoring: ["attn_mask", "logit_scale", "visual."] + ignored)
        }
        func clip(_ prefix: String) throws(DiffusionError) -> CheckpointPart {
            // Old merges of models lack the middle of the name.
            let module = "\(prefix)text_model."
            let isCurrent = file.contains("\(module)embeddings.token_embedding.weight")
            return try CheckpointPart(
                isCurrent ? module : prefix, of: file, names: ModuleNames([]),
                ignoring: ["embeddings.position_ids", "logit_scale", "text_projection"])
        }
        switch family {
        case .stableDiffusion1:
            return [try clip("cond_stage_model.transformer.")]
        case .stableDiffusion2:
            // The encoding is what the last layer would read, so diffusers leaves that layer out of the model.
            var part = try openCLIP("cond_stage_model.model.", ignoring: ["text_projection"])
            let last = part.count { "encoder.layers.\($0).layer_norm1.weight" } - 1
            part.remove("encoder.layers.\(last).")
            return [part]
        case .stableDiffusionXL:
            return [
                try clip("conditioner.embedders.0.transformer."), try openCLIP("conditioner.embedders.1.model."),
            ]
        }
    }
}
