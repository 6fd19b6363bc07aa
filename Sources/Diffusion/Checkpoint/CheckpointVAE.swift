/// An autoencoder in one file: part of a checkpoint, or by itself, in the original names or in diffusers'.
struct CheckpointVAE: Sendable {
    let config: VAEConfig
    let part: CheckpointPart
    /// The file.
    let path: String

    init(config: VAEConfig, part: CheckpointPart, path: String) {
        self.config = config
        self.part = part
        self.path = path
    }

    /// Opens the decoder, which makes `nil` of a file that has none there.
    ///
    /// - Parameters:
    ///   - prefix: where the autoencoder's tensors stand in the file; empty in a file of its own.
    ///   - file: what holds it.
    ///   - scalingFactor: what latents are multiplied with, which no tensor tells.
    ///   - normGroupCount: number of groups in its group norms, which none tells either.
    /// - Throws: ``DiffusionError`` when the decoder's tensors contradict one another.
    init?(
        _ prefix: String, of file: SafetensorsFile, scalingFactor: Double,
        normGroupCount: Int = CheckpointConfigs.normGroupCount
    ) throws(DiffusionError) {
        let isOriginal = file.contains("\(prefix)decoder.up.0.block.0.norm1.weight")
        guard isOriginal || file.contains("\(prefix)decoder.up_blocks.0.resnets.0.norm1.weight") else { return nil }
        func count(_ name: (Int) -> String) -> Int { (0...).prefix { file.contains(prefix + name($0)) }.count }
        let levels = count {
            isOriginal ? "decoder.up.\($0).block.0.norm1.weight" : "decoder.up_blocks.\($0).resnets.0.norm1.weight"
        }
        let residuals = count {
            isOriginal ? "decoder.up.0.block.\($0).norm1.weight" : "decoder.up_blocks.0.resnets.\($0).norm1.weight"
        }
        let part = try CheckpointPart(
            prefix, of: file,
            names: isOriginal ? .vae(levelCount: levels, layersPerBlock: residuals - 1) : ModuleNames([]),
            ignoring: ["model_ema.", "loss."])
        let config = try VAEConfig(
            ConfigFile(
                path: file.path,
                values: CheckpointConfigs.vae(
                    part, levelCount: levels, layersPerBlock: residuals - 1, scalingFactor: scalingFactor,
                    normGroupCount: normGroupCount)))
        self.init(config: config, part: part, path: file.path)
    }
}
