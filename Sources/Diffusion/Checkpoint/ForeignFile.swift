/// Safetensors files that people mistake for models which can be rendered with, known by their tensors' names.
struct ForeignFile {
    /// What the file is and what to do, to follow its path in a sentence.
    let problem: String

    private struct Kind {
        let name: String
        var remedy = "choose a checkpoint of SD 1, SD 2 or SDXL"
        /// One of these is part of a name of such a file, and of no other.
        let marks: [String]
    }

    private static let kinds = [
        Kind(
            name: "a LoRA", remedy: "name it under loras: beside a model",
            marks: ["lora_down.", "lora_up.", "lora_A.", "lora_B.", "lora.down.", "hada_w1", "lokr_w1"]),
        Kind(name: "a ControlNet", marks: ["control_model.", "controlnet_cond_embedding.", "input_hint_block."]),
        Kind(name: "a Stable Diffusion 3 model", marks: ["joint_blocks."]),
        Kind(name: "a Flux model", marks: ["double_blocks."]),
        Kind(name: "an AuraFlow model", marks: ["double_layers."]),
        Kind(name: "a Stable Cascade model", marks: ["clip_txt_mapper.", ".channelwise."]),
        Kind(name: "a Stable Video Diffusion model", marks: [".time_stack."]),
        Kind(name: "an AnimateDiff motion module", marks: [".motion_modules."]),
        Kind(name: "an SDXL refiner", marks: ["conditioner.embedders.0.model."]),
        Kind(name: "a Playground 2.5 model", marks: ["edm_mean"]),
        Kind(name: "a CosXL model", marks: ["edm_vpred.sigma_max"]),
        Kind(name: "an IP-Adapter", marks: ["ip_adapter."]),
        Kind(name: "a textual inversion", marks: ["emb_params", "string_to_param"]),
    ]

    /// - Parameter names: of all tensors in the file.
    /// - Returns: `nil` when nothing speaks against a model.
    init?(names: [String]) {
        let kind = Self.kinds.first { kind in
            names.contains { name in kind.marks.contains { name.contains($0) } }
        }
        guard let kind else { return nil }
        problem = "is \(kind.name), which is not supported as a model; \(kind.remedy)"
    }
}
