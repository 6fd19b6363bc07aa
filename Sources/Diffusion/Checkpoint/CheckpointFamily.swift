/// Which model a file holds, by the names and shapes of its tensors and never by its own name.
enum CheckpointFamily {
    /// Where the UNet's tensors stand in the file.
    static let unetPrefix = "model.diffusion_model."
    /// Where the autoencoder's tensors stand.
    static let vaePrefix = "first_stage_model."

    /// Tells the family by where the text encoders stand.
    ///
    /// - Throws: ``DiffusionError`` that names what the file is instead, or lacks.
    static func detect(in file: SafetensorsFile) throws(DiffusionError) -> ModelFamily {
        let names = file.names
        func has(_ prefix: String) -> Bool { names.contains { $0.hasPrefix(prefix) } }
        func unsuitable(_ problem: String) -> DiffusionError { .unsuitableModel(path: file.path, problem: problem) }
        if let foreign = ForeignFile(tensorNames: names) { throw unsuitable(foreign.problem) }
        if let model = UnsupportedModel(tensorNames: names) { throw .unsupportedModel(path: file.path, model) }
        guard has(unetPrefix) else {
            throw unsuitable(
                has("decoder.") || has(vaePrefix) || CheckpointVAE.isTiny(file)
                    ? "is an autoencoder without a model; name it under vae: beside a model"
                    : "holds no UNet of Stable Diffusion; name a checkpoint of SD 1, SD 2 or SDXL")
        }
        let family: ModelFamily
        if has("conditioner.embedders.1.model.") {
            family = .stableDiffusionXL
        } else if has("cond_stage_model.model.") {
            family = .stableDiffusion2
        } else if has("cond_stage_model.transformer.") {
            family = .stableDiffusion1
        } else {
            throw unsuitable("holds a UNet, but no text encoder; name the full checkpoint")
        }
        if let shape = file.shape(of: "\(unetPrefix)input_blocks.0.0.weight"), shape.count > 1,
            let model = UnsupportedModel(unetInputs: shape[1])
        {
            throw .unsupportedModel(path: file.path, model)
        }
        // Only SDXL's UNet is told more than time and text.
        if family != .stableDiffusionXL, has("\(unetPrefix)label_emb.") {
            throw .unsupportedModel(path: file.path, .unCLIP)
        }
        return family
    }

    /// What latents are multiplied with after encoding, which no tensor tells.
    static func scalingFactor(of family: ModelFamily) -> Double { family == .stableDiffusionXL ? 0.13025 : 0.18215 }
}
