import Foundation

/// A low-rank adaptation on disk: what it adds to the layers of a model.
struct LoRAFile: Sendable {
    /// The matrices of one layer.
    private struct Layer {
        var up: TensorView?
        var middle: TensorView?
        var down: TensorView?
        var alpha: TensorView?
        /// The name of one of the tensors, for messages.
        var name: String
    }

    let path: String
    /// By network and layer, with a weight of 1.
    let deltas: [LoRAKey.Network: [String: LoRADelta]]

    /// Opens the file at `path`: reads its header and the layers' alphas.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing, damaged, no LoRA, or one of a kind that is not supported.
    init(path: String) throws(DiffusionError) {
        let file = try SafetensorsFile(path: path)
        if let kind = Self.unsupportedKind(among: file.names) {
            throw .unsuitableModel(
                path: path, problem: "is \(kind), which is not supported; name a LoRA of low-rank matrices under loras:"
            )
        }
        var layers: [LoRAKey.Network: [String: Layer]] = [:]
        var unknown: [String] = []
        for (name, view) in file.views {
            guard let key = LoRAKey(name) else {
                unknown.append(name)
                continue
            }
            var layer = layers[key.network]?[key.layer] ?? Layer(name: name)
            let field: WritableKeyPath<Layer, TensorView?> =
                switch key.role {
                case .alpha: \.alpha
                case .down: \.down
                case .middle: \.middle
                case .up: \.up
                }
            guard layer[keyPath: field] == nil else {
                throw .invalidWeights(path: path, problem: "\"\(name)\" and another tensor mean the same")
            }
            layer[keyPath: field] = view
            layers[key.network, default: [:]][key.layer] = layer
        }
        guard unknown.isEmpty, !layers.isEmpty else {
            throw .unsuitableModel(
                path: path,
                problem: layers.isEmpty
                    ? "is not a LoRA; name a model's file under model: and a LoRA's under loras:"
                    : "holds tensors that are no LoRA's (\(DiffusionError.sample(of: unknown.sorted()))); name another one"
            )
        }
        let adapters = LoRAAdapters(metadata: file.metadata)
        var deltas: [LoRAKey.Network: [String: LoRADelta]] = [:]
        for (network, layers) in layers {
            for (name, layer) in layers {
                deltas[network, default: [:]][name] = try Self.delta(
                    layer, of: network, adapters: adapters, path: path)
            }
        }
        self.deltas = deltas
        self.path = path
    }

    private static func delta(
        _ layer: Layer, of network: LoRAKey.Network, adapters: LoRAAdapters, path: String
    ) throws(DiffusionError) -> LoRADelta {
        guard let up = layer.up, let down = layer.down else {
            throw .invalidWeights(path: path, problem: "the layer of \"\(layer.name)\" lacks one of its two matrices")
        }
        for view in [up, layer.middle, down].compactMap(\.self) { try view.requireFloats() }
        guard LoRADelta(up: up, middle: layer.middle, down: down, scale: 1).shape != nil else {
            throw .invalidWeights(
                path: path,
                problem: "the matrices of \"\(layer.name)\" do not go together: \(up.shape) and \(down.shape)")
        }
        let rank = down.shape.first ?? 0
        var scale = adapters.scale(of: network, rank: rank)
        if let alpha = layer.alpha {
            guard alpha.shape.allSatisfy({ $0 == 1 }), let value = try alpha.floats().first, value.isFinite, rank > 0
            else { throw .invalidWeights(path: path, problem: "\"\(alpha.name)\" is not one finite number") }
            scale = value / Float(rank)
        }
        return LoRADelta(up: up, middle: layer.middle, down: down, scale: scale)
    }

    /// What else changes models in a file of this format, by parts of tensors' names.
    private static func unsupportedKind(among names: [String]) -> String? {
        let marks = [
            ("dora_scale", "a DoRA"), ("lora_magnitude_vector", "a DoRA"), ("hada_w", "a LoHa"), ("lokr_w", "a LoKr"),
            (".on_input", "an (IA)³"), ("oft_", "an OFT"), (".diff_b", "a set of full differences"),
        ]
        if let (_, kind) = marks.first(where: { mark in names.contains { $0.contains(mark.0) } }) { return kind }
        return names.contains { $0.hasSuffix(".diff") } ? "a set of full differences" : nil
    }
}

/// The scales that diffusers writes into a LoRA's metadata, where PEFT keeps no alpha beside the matrices.
private struct LoRAAdapters {
    /// The keys of PEFT's `LoraConfig`, each behind the name of its network.
    private let values: [String: JSONValue]

    init(metadata: [String: String]) {
        let text = metadata["lora_adapter_metadata"] ?? "{}"
        values = (try? JSONDecoder().decode([String: JSONValue].self, from: Data(text.utf8))) ?? [:]
    }

    /// alpha / rank, or alpha / √rank where the adapter was stabilised so; 1 where nothing is said.
    func scale(of network: LoRAKey.Network, rank: Int) -> Float {
        let prefix =
            switch network {
            case .unet: "unet"
            case .textEncoder(0): "text_encoder"
            case .textEncoder(let index): "text_encoder_\(index + 1)"
            }
        let alpha: Double? =
            switch values["\(prefix).lora_alpha"] {
            case .integer(let integer)?: Double(integer)
            case .number(let number)?: number
            default: nil
            }
        guard let alpha, rank > 0 else { return 1 }
        let isStabilised = values["\(prefix).use_rslora"] == .bool(true)
        return Float(alpha / (isStabilised ? Double(rank).squareRoot() : Double(rank)))
    }
}
