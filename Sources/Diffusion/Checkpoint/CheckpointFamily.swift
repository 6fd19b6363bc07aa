/// The families of models that are distributed as one file in the layout of their original code.
package enum CheckpointFamily: String, Sendable {
    case stableDiffusion1 = "Stable Diffusion 1.x"
    case stableDiffusion2 = "Stable Diffusion 2.x"
    case stableDiffusionXL = "Stable Diffusion XL"

    /// Where the UNet's tensors stand in the file.
    static let unetPrefix = "model.diffusion_model."
    /// Where the autoencoder's tensors stand.
    static let vaePrefix = "first_stage_model."

    /// Tells the family by where the text encoders stand.
    ///
    /// - Throws: ``DiffusionError/unsuitableModel(path:problem:)`` that names what the file is instead, or lacks.
    init(of file: SafetensorsFile) throws(DiffusionError) {
        func has(_ prefix: String) -> Bool { names.contains { $0.hasPrefix(prefix) } }
        func unsuitable(_ problem: String) -> DiffusionError { .unsuitableModel(path: file.path, problem: problem) }
        let names = file.names
        if let foreign = ForeignFile(names: names) { throw unsuitable(foreign.problem) }
        guard has(Self.unetPrefix) else {
            throw unsuitable(
                has("decoder.") || has(Self.vaePrefix)
                    ? "is a VAE without a model; name it under vae: beside a model"
                    : "holds no UNet of a Stable Diffusion model; choose a checkpoint of SD 1, SD 2 or SDXL")
        }
        if has("conditioner.embedders.1.model.") {
            self = .stableDiffusionXL
        } else if has("cond_stage_model.model.") {
            self = .stableDiffusion2
        } else if has("cond_stage_model.transformer.") {
            self = .stableDiffusion1
        } else {
            throw unsuitable("holds a UNet, but no text encoder; choose the full checkpoint")
        }
        let channels = file.shape(of: "\(Self.unetPrefix)input_blocks.0.0.weight")?.dropFirst().first ?? 4
        if channels != 4 { throw unsuitable(Self.problem(ofChannels: channels)) }
        if self != .stableDiffusionXL, has("\(Self.unetPrefix)label_emb.") {
            throw unsuitable("is an unCLIP model or an upscaler, which are not supported; choose a text-to-image model")
        }
    }

    /// What a UNet with other inputs than four latent channels is for.
    private static func problem(ofChannels channels: Int) -> String {
        let kind: String
        switch channels {
        case 5: kind = "a depth-to-image model"
        case 7: kind = "an upscaler"
        case 8: kind = "an InstructPix2Pix model"
        case 9: kind = "an inpainting model"
        default: kind = "a model of an unknown kind"
        }
        return "is \(kind) (its UNet takes \(channels) channels), which is not supported; choose a text-to-image model"
    }

    /// Channels of an attention head, or `nil` where the number of heads is 8 at any width, as in the first models.
    var headWidth: Int? { self == .stableDiffusion1 ? nil : 64 }

    /// What latents are multiplied with after encoding.
    var scalingFactor: Double { self == .stableDiffusionXL ? 0.13025 : 0.18215 }
}
