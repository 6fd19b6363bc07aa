extension CheckpointVAE {
    /// Where the decoder's layers stand in a file: diffusers' list of layers, then the original's, which counts the clamp before
    /// them: alone in a file of its own, and beside the encoder.
    private static let tinyPrefixes = ["decoder.layers.", "", "taesd_decoder.", "decoder."]

    /// Opens the decoder of TAESD, which makes `nil` of a file that has none.
    ///
    /// - Throws: ``DiffusionError`` when its tensors contradict one another.
    init?(tiny file: SafetensorsFile) throws(DiffusionError) {
        guard let (prefix, shift) = Self.tinyPlace(in: file) else { return nil }
        let counts = Self.blockCounts(of: file, prefix: prefix, first: 2 + shift)
        let layerCount = counts.reduce(2 * counts.count + 1, +)
        let names = ModuleNames((0..<layerCount).map { ("decoder.layers.\($0)", "\($0 + shift)") })
        let part = try CheckpointPart(prefix, of: file, names: names)
        self.init(
            config: try VAEConfig(ConfigFile(path: file.path, values: CheckpointConfigs.tinyVAE(part, counts: counts))),
            part: part, path: file.path)
    }

    /// Whether a file holds TAESD's decoder.
    static func isTiny(_ file: SafetensorsFile) -> Bool { tinyPlace(in: file) != nil }

    /// Where the layers stand, and how much further they are counted there than by diffusers.
    private static func tinyPlace(in file: SafetensorsFile) -> (prefix: String, shift: Int)? {
        tinyPrefixes.enumerated().map { ($1, $0 == 0 ? 0 : 1) }.first { prefix, shift in
            file.contains("\(prefix)\(shift).weight") && file.contains("\(prefix)\(shift + 2).conv.0.weight")
        }
    }

    /// Whether a file holds the other half of TAESD alone.
    static func isTinyEncoder(_ file: SafetensorsFile) -> Bool {
        ["", "encoder.layers.", "taesd_encoder."].contains { prefix in
            file.contains("\(prefix)0.weight") && file.contains("\(prefix)1.conv.0.weight")
        }
    }

    /// How many residual blocks there are before each convolution; an upsampling stands before all of these but the last.
    private static func blockCounts(of file: SafetensorsFile, prefix: String, first: Int) -> [Int] {
        var counts: [Int] = []
        var place = first
        repeat {
            let count = (place...).prefix { file.contains("\(prefix)\($0).conv.0.weight") }.count
            counts.append(count)
            place += count + 2
        } while file.contains("\(prefix)\(place).conv.0.weight")
        return counts
    }
}
