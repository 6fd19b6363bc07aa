/// LoRAs with their weights, as one cell of a sweep asks for them.
package struct LoRASet: Sendable {
    private var files: [(file: LoRAFile, weight: Float)] = []

    /// Opens the files: reads headers.
    ///
    /// - Parameter loras: paths, each with the factor that its changes are taken with; those of 0 change nothing.
    /// - Throws: ``DiffusionError`` when a file is missing, damaged or no LoRA.
    package init(_ loras: [(path: String, weight: Double)]) throws(DiffusionError) {
        for lora in loras where lora.weight != 0 {
            try files.append((LoRAFile(path: lora.path), Float(lora.weight)))
        }
    }

    /// What is added to the tensors of a model's networks, by the names that they have in `sources`.
    ///
    /// - Parameters:
    ///   - sources: the weights of every network that LoRAs can change.
    ///   - unetNames: other names of the UNet's layers; kohya's trainer writes those of the original code for SDXL.
    /// - Returns: for each network, the products by the names of the tensors that they are added to.
    /// - Throws: ``DiffusionError`` that names layers which the model does not have, or has in another shape.
    func deltas(
        for sources: [LoRAKey.Network: WeightSource], unetNames: ModuleNames
    ) throws(DiffusionError) -> [LoRAKey.Network: [String: [LoRADelta]]] {
        let tensors = sources.map { network, source in
            (network, Self.tensorNames(of: source, network: network, names: network == .unet ? unetNames : nil))
        }
        let tensorNames = Dictionary(uniqueKeysWithValues: tensors)
        var result: [LoRAKey.Network: [String: [LoRADelta]]] = [:]
        for (file, weight) in files {
            var unmatched: [String] = []
            var matched: [(network: LoRAKey.Network, name: String, shape: [Int], delta: LoRADelta)] = []
            for (network, deltas) in file.deltas {
                for (layer, delta) in deltas {
                    guard let name = tensorNames[network]?[layer], let shape = sources[network]?.shape(of: name) else {
                        unmatched.append(delta.down.name)
                        continue
                    }
                    matched.append((network, name, shape, delta))
                }
            }
            guard unmatched.isEmpty else {
                throw .unsuitableModel(
                    path: file.path,
                    problem: "changes layers that the model does not have, \(unmatched.count) in all "
                        + "(\(DiffusionError.sample(of: unmatched.sorted()))); "
                        + "name a LoRA that was trained for the model's family")
            }
            // Only now: for a model of another family, missing layers say more than shapes do.
            for (network, name, shape, delta) in matched {
                guard let own = delta.shape, Self.matrix(own) == Self.matrix(shape) else {
                    throw .wrongShape(
                        name: delta.down.name, path: file.path, expected: shape, found: delta.shape ?? [])
                }
                result[network, default: [:]][name, default: []].append(delta.scaled(by: weight))
            }
        }
        return result
    }

    /// The names of the weights of a network, by what a LoRA may call their layers.
    private static func tensorNames(
        of source: WeightSource, network: LoRAKey.Network, names: ModuleNames?
    ) -> [String: String] {
        let suffix = ".weight"
        var tensors: [String: String] = [:]
        for tensor in source.names where tensor.hasSuffix(suffix) {
            let module = String(tensor.dropLast(suffix.count))
            for name in [module] + (names?.originalNames(of: module) ?? []) {
                tensors[LoRAKey.layer(name, of: network)] = tensor
            }
        }
        return tensors
    }

    /// A shape without the kernel of a 1x1 convolution, which is stored as a matrix as well.
    private static func matrix(_ shape: [Int]) -> [Int] {
        shape.count == 4 && shape[2] == 1 && shape[3] == 1 ? Array(shape[..<2]) : shape
    }
}
