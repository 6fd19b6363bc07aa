/// What the name of a tensor in a LoRA says: a layer of a model, and what the tensor is to it.
struct LoRAKey: Equatable {
    /// The network that is changed.
    enum Network: Hashable, Sendable {
        case textEncoder(Int)
        case unet
    }

    /// What the tensor is to its layer.
    enum Role: Sendable {
        case alpha
        case down
        case middle
        case up
    }

    let network: Network
    /// The layer's name with underscores for dots: kohya writes it so, and all other spellings can be led to it.
    let layer: String
    let role: Role

    /// Endings of names; those of kohya (<https://github.com/kohya-ss/sd-scripts>), of PEFT, and of two formats that diffusers
    /// had before it. An ending that holds another stands before it.
    private static let endings: [(String, Role)] = [
        (".alpha", .alpha),
        (".lora_down.weight", .down), (".lora_mid.weight", .middle), (".lora_up.weight", .up),
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
        (".lora_A.weight", .down), (".lora_B.weight", .up),
        (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        (".lora.down.weight", .down), (".lora.up.weight", .up),
        ("_lora.down.weight", .down), ("_lora.up.weight", .up),
    ]

    private static let beginnings: [(String, Network)] = [
        ("lora_unet_", .unet), ("lora_te1_", .textEncoder(0)), ("lora_te2_", .textEncoder(1)),
        ("lora_te_", .textEncoder(0)), ("unet.", .unet), ("text_encoder_2.", .textEncoder(1)),
        ("text_encoder.", .textEncoder(0)), ("diffusion_model.", .unet), ("base_model.model.", .unet),
    ]

    /// - Returns: `nil` for a name that is none of a LoRA's.
    init?(_ name: String) {
        guard let (ending, role) = Self.endings.first(where: { name.hasSuffix($0.0) }),
            let (beginning, network) = Self.beginnings.first(where: { name.hasPrefix($0.0) }),
            name.utf8.count > beginning.utf8.count + ending.utf8.count
        else { return nil }
        self.network = network
        self.role = role
        let isOfProcessor = ending.hasPrefix("_")
        let module = name.dropFirst(beginning.count).dropLast(ending.count)
        layer = Self.layer(String(module), of: network, isOfProcessor: isOfProcessor)
    }

    /// The name of a layer as LoRAs are looked up by.
    static func layer(_ module: String, of network: Network) -> String {
        layer(module, of: network, isOfProcessor: false)
    }

    /// `isOfProcessor` is for the first of diffusers' formats, in which LoRAs belonged to an attention's processor.
    private static func layer(_ module: String, of network: Network, isOfProcessor: Bool) -> String {
        var parts = module.split(whereSeparator: { $0 == "." || $0 == "_" })
        if isOfProcessor {
            parts.removeAll { $0 == "processor" }
            if parts.suffix(2) == ["to", "out"] { parts.append("0") }
        }
        if network != .unet, parts.starts(with: ["text", "model"]) { parts.removeFirst(2) }
        return parts.joined(separator: "_")
    }
}
