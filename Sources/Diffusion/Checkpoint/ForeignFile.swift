/// Safetensors files that are no models, but that people name as such; known by their tensors' names.
struct ForeignFile {
    /// What the file is and what to do, to follow its path in a sentence.
    let problem: String

    private struct Kind {
        let name: String
        let remedy: String
        /// One of these is part of a name in such a file, and of none in a model.
        let marks: [String]
    }

    private static let kinds = [
        Kind(
            name: "a LoRA", remedy: "name it under loras: beside a model",
            marks: ["lora_down.", "lora_up.", "lora_A.", "lora_B.", "lora.down.", "hada_w1", "lokr_w1"]),
        Kind(
            name: "a ControlNet", remedy: "name a text-to-image model",
            marks: ["control_model.", "controlnet_cond_embedding.", "input_hint_block."]),
        Kind(name: "an AnimateDiff motion module", remedy: "name a text-to-image model", marks: [".motion_modules."]),
        Kind(name: "an IP-Adapter", remedy: "name a text-to-image model", marks: ["ip_adapter."]),
        Kind(
            name: "a textual inversion", remedy: "name a text-to-image model", marks: ["emb_params", "string_to_param"]),
    ]

    /// Recognises a file by the names of all its tensors; `nil` when nothing speaks against a model.
    init?(tensorNames names: [String]) {
        let kind = Self.kinds.first { kind in
            names.contains { name in kind.marks.contains { name.contains($0) } }
        }
        guard let kind else { return nil }
        problem = "is \(kind.name), not a model; \(kind.remedy)"
    }
}
