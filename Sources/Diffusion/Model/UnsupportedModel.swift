/// Models that are met often and cannot be used here, each with the mark that it is known by.
package enum UnsupportedModel: String, CaseIterable, Sendable {
    case flux = "a Flux model"
    case inpainting = "an inpainting model"
    case instructPix2Pix = "an InstructPix2Pix model"
    case refiner = "the refiner of Stable Diffusion XL"
    case stableDiffusion3 = "a Stable Diffusion 3 model"
    case upscaler = "an upscaling model"

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
        case 7: self = .upscaler
        case 8: self = .instructPix2Pix
        case 9: self = .inpainting
        default: return nil
        }
    }
}
