/// Models that are met often and cannot be used here, each with the mark that it is known by.
package enum UnsupportedModel: String, CaseIterable, Sendable {
    case auraFlow = "an AuraFlow model"
    case cosXL = "a CosXL model"
    case depthToImage = "a depth-to-image model"
    case flux = "a Flux model"
    case inpainting = "an inpainting model"
    case instructPix2Pix = "an InstructPix2Pix model"
    case playground25 = "a Playground 2.5 model"
    case refiner = "the refiner of Stable Diffusion XL"
    case stableCascade = "a Stable Cascade model"
    case stableDiffusion3 = "a Stable Diffusion 3 model"
    case unCLIP = "an unCLIP model"
    case upscaler = "an upscaling model"
    case videoDiffusion = "a Stable Video Diffusion model"

    /// What a pipeline of diffusers stands for, by the beginning of its class's name.
    init?(pipelineClass name: String) {
        let marks: [(String, UnsupportedModel)] = [
            ("Flux", .flux), ("Inpaint", .inpainting), ("InstructPix2Pix", .instructPix2Pix),
            ("StableDiffusion3", .stableDiffusion3), ("Upscale", .upscaler),
        ]
        guard let (_, model) = marks.first(where: { name.contains($0.0) }) else { return nil }
        self = model
    }

    /// What a UNet was trained for that reads more than latents.
    init?(unetInputs channels: Int) {
        switch channels {
        case 5: self = .depthToImage
        case 7: self = .upscaler
        case 8: self = .instructPix2Pix
        case 9: self = .inpainting
        default: return nil
        }
    }

    /// What a checkpoint in one file is, by parts of names that its tensors have and those of no other model.
    init?(tensorNames names: [String]) {
        let marks: [(String, UnsupportedModel)] = [
            ("joint_blocks.", .stableDiffusion3), ("double_blocks.", .flux), ("double_layers.", .auraFlow),
            ("clip_txt_mapper.", .stableCascade), (".channelwise.", .stableCascade), (".time_stack.", .videoDiffusion),
            ("edm_mean", .playground25), ("edm_vpred.sigma_max", .cosXL), ("conditioner.embedders.0.model.", .refiner),
        ]
        guard let (_, model) = marks.first(where: { mark in names.contains { $0.contains(mark.0) } }) else {
            return nil
        }
        self = model
    }
}
