/// The shape of an autoencoder's decoder, AutoencoderKL's or AutoencoderTiny's, from `vae/config.json`.
package struct VAEConfig: Equatable, Sendable {
    private enum UpBlockType: String, CaseIterable {
        case convolution = "UpDecoderBlock2D"
    }

    package let latentChannels: Int
    package let outChannels: Int
    /// From the highest resolution to the lowest, which the decoder begins with.
    package let blockOutChannels: [Int]
    /// Number of residual blocks at each resolution of an AutoencoderTiny, from the lowest; `nil` for AutoencoderKL, which
    /// what follows is about.
    package let tinyBlockCounts: [Int]?
    /// Number of residual blocks in a block of the encoder; the decoder has one more.
    package let layersPerBlock: Int
    package let normGroupCount: Int
    /// What latents were multiplied with after encoding.
    package let scalingFactor: Float
    /// What was subtracted from latents before that.
    package let shiftFactor: Float
    /// Whether a 1x1 convolution stands before the decoder.
    package let usesPostQuantConv: Bool
    /// Whether the decoder's middle has an attention layer.
    package let midBlockHasAttention: Bool

    /// Pixels for each latent, in either direction.
    package var upscaling: Int { 1 << (blockOutChannels.count - 1) }
}

extension VAEConfig {
    /// Reads the config at `path`.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing, contradicts itself or asks for what is not supported.
    package init(path: String) throws(DiffusionError) {
        try self.init(ConfigFile(path: path))
    }

    /// Reads the config of a file, or what stands for one where a model has none.
    init(_ file: ConfigFile) throws(DiffusionError) {
        switch try file.string("_class_name") {
        case nil, "AutoencoderKL": try self.init(kl: file)
        case Self.tinyClass: try self.init(tiny: file)
        case let name?:
            throw file.invalid(
                "_class_name", "is \"\(name)\", but only \"AutoencoderKL\" and \"\(Self.tinyClass)\" are supported")
        }
    }

    /// TAESD's class in diffusers.
    static let tinyClass = "AutoencoderTiny"

    private init(kl file: ConfigFile) throws(DiffusionError) {
        tinyBlockCounts = nil
        try file.refuse(["latents_mean", "latents_std"])
        try file.refuse("act_fn", unless: .string("silu"), .string("swish"))
        latentChannels = try file.integer("latent_channels", in: 1...1024, default: 4)
        outChannels = try file.integer("out_channels", in: 3...3, default: 3)
        blockOutChannels = try file.integers("block_out_channels", in: 1...65_536, counts: 1...8)
        let _: [UpBlockType] = try file.choices("up_block_types", count: blockOutChannels.count)
        layersPerBlock = try file.integer("layers_per_block", in: 1...64, default: 1)
        normGroupCount = try file.integer("norm_num_groups", in: 1...1024, default: 32)
        scalingFactor = Float(try file.number("scaling_factor", in: 1e-6...1e6, default: 0.18215))
        shiftFactor = Float(try file.number("shift_factor", in: -1e6...1e6, default: 0))
        usesPostQuantConv = try file.bool("use_post_quant_conv", default: true)
        midBlockHasAttention = try file.bool("mid_block_add_attention", default: true)
        for channels in blockOutChannels where !channels.isMultiple(of: normGroupCount) {
            throw file.invalid("norm_num_groups", "is \(normGroupCount), which does not divide \(channels) channels")
        }
    }

    private init(tiny file: ConfigFile) throws(DiffusionError) {
        try file.refuse("act_fn", unless: .string("relu"))
        try file.refuse("upsample_fn", unless: .string("nearest"))
        try file.refuse("upsampling_scaling_factor", unless: .integer(2))
        latentChannels = try file.integer("latent_channels", in: 1...1024, default: 4)
        outChannels = try file.integer("out_channels", in: 3...3, default: 3)
        let (widthKey, countKey) = ("decoder_block_out_channels", "num_decoder_blocks")
        blockOutChannels = try file.integers(widthKey, in: 1...65_536, counts: 1...8)
        guard Set(blockOutChannels).count == 1 else {
            throw file.invalid(widthKey, "must give all blocks the same width, but is \(blockOutChannels)")
        }
        let count = blockOutChannels.count
        tinyBlockCounts = try file.integers(countKey, in: 1...64, counts: count...count)
        scalingFactor = Float(try file.number("scaling_factor", in: 1e-6...1e6, default: 1))
        shiftFactor = Float(try file.number("shift_factor", in: -1e6...1e6, default: 0))
        layersPerBlock = 0
        normGroupCount = CheckpointConfigs.normGroupCount
        usesPostQuantConv = false
        midBlockHasAttention = false
    }
}
