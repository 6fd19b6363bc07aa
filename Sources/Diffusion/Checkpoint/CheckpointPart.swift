/// The tensors of one part of a checkpoint, such as the UNet, under the names that diffusers gives them.
struct CheckpointPart: Sendable {
    /// Whether it is a text encoder of OpenCLIP.
    private(set) var isOpenCLIP = false
    /// The tensors by name.
    private(set) var views: [String: TensorView] = [:]

    /// Takes the tensors of `file` whose names begin with `prefix`.
    ///
    /// What `names` does not know keeps its own name, so that a network which does not ask for it can tell.
    ///
    /// - Parameters:
    ///   - prefix: where the part stands in the file.
    ///   - file: the checkpoint.
    ///   - names: what diffusers calls the part's modules.
    ///   - ignored: beginnings of names, without the prefix, that no network needs.
    /// - Throws: ``DiffusionError`` when two tensors stand for the same one.
    init(
        _ prefix: String, of file: SafetensorsFile, names: ModuleNames, ignoring ignored: [String] = []
    ) throws(DiffusionError) {
        for (name, view) in file.views where name.hasPrefix(prefix) {
            let original = String(name.dropFirst(prefix.count))
            guard !ignored.contains(where: original.hasPrefix) else { continue }
            let current = names.diffusersName(of: original) ?? original
            for (key, view) in Self.unfused(view, original: original, current: current) {
                if let other = views.updateValue(view, forKey: key) {
                    let pair = [other.name, name].sorted().joined(separator: "\" and \"")
                    throw .invalidWeights(path: file.path, problem: "it holds both \"\(pair)\", which mean the same")
                }
            }
        }
    }

    /// The views that stand for a tensor: three for the fused weights of OpenCLIP's attention, one for any other.
    private static func unfused(_ view: TensorView, original: String, current: String) -> [(String, TensorView)] {
        for (suffix, parameter) in [("in_proj_weight", "weight"), ("in_proj_bias", "bias")]
        where current.hasSuffix(".\(suffix)") {
            let parts = (0..<3).compactMap { view.part($0, of: 3) }
            guard parts.count == 3 else { break }
            let attention = current.dropLast(suffix.count)
            return zip(["q_proj", "k_proj", "v_proj"], parts).map { ("\(attention)\($0).\(parameter)", $1) }
        }
        // OpenCLIP multiplies with this matrix from the right, transformers from the left.
        if original == "text_projection" { return [(current, view.transposed ?? view)] }
        // The autoencoder's attention was made of 1x1 convolutions.
        if current.contains("mid_block.attentions.0.to_") { return [(current, view.asMatrix)] }
        return [(current, view)]
    }

    /// Leaves tensors out whose names begin with `beginning`.
    mutating func remove(_ beginning: String) {
        views = views.filter { !$0.key.hasPrefix(beginning) }
    }

    func contains(_ name: String) -> Bool { views[name] != nil }

    /// One extent of a tensor, or `nil` when there is no such tensor or dimension.
    func extent(_ dimension: Int, of name: String) -> Int? {
        guard let shape = views[name]?.shape, shape.indices.contains(dimension) else { return nil }
        return shape[dimension]
    }

    /// How many of `name(0)`, `name(1)`, … there are before the first gap.
    func count(_ name: (Int) -> String) -> Int {
        var count = 0
        while contains(name(count)) { count += 1 }
        return count
    }
}

extension CheckpointPart {
    /// A text encoder in the layout of transformers.
    static func clip(_ prefix: String, of file: SafetensorsFile) throws(DiffusionError) -> CheckpointPart {
        // Old merges of models lack the end of the prefix.
        let module = "\(prefix)text_model."
        let isCurrent = file.contains("\(module)embeddings.token_embedding.weight")
        return try CheckpointPart(
            isCurrent ? module : prefix, of: file, names: ModuleNames([]),
            ignoring: ["embeddings.position_ids", "logit_scale", "text_projection"])
    }

    /// A text encoder in the layout of OpenCLIP; without `hasProjection`, its projection is left out.
    static func openCLIP(
        _ prefix: String, of file: SafetensorsFile, hasProjection: Bool
    ) throws(DiffusionError) -> CheckpointPart {
        let layers = (0...).prefix { file.contains("\(prefix)transformer.resblocks.\($0).ln_1.weight") }.count
        var part = try CheckpointPart(
            prefix, of: file, names: .openCLIP(layerCount: layers),
            ignoring: ["attn_mask", "logit_scale", "visual."] + (hasProjection ? [] : ["text_projection"]))
        part.isOpenCLIP = true
        return part
    }
}
