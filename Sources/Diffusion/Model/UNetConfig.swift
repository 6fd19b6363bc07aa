/// The shape of a UNet2DConditionModel, from `unet/config.json`.
///
/// The lists have one element for each resolution, the highest first, in the order of the down blocks; up blocks run through
/// them backwards.
package struct UNetConfig: Equatable, Sendable {
    package enum DownBlockType: String, CaseIterable, Sendable {
        case convolution = "DownBlock2D"
        case crossAttention = "CrossAttnDownBlock2D"
    }

    package enum UpBlockType: String, CaseIterable, Sendable {
        case convolution = "UpBlock2D"
        case crossAttention = "CrossAttnUpBlock2D"
    }

    package enum MidBlockType: String, CaseIterable, Sendable {
        /// A single residual block: what distillation left of SDXL's middle in SSD-1B and Segmind-Vega.
        case convolution = "UNetMidBlock2D"
        case crossAttention = "UNetMidBlock2DCrossAttn"
    }

    /// What Stable Diffusion XL adds to the time embedding (Podell et al. 2023, section 2.2): the text in one vector, and six
    /// numbers about the picture's size as sinusoids.
    package struct AddedCondition: Equatable, Sendable {
        /// Width of the pooled text encoding.
        package let pooledDim: Int
        /// Width of the sinusoids of one of the numbers.
        package let sizeDim: Int

        /// Width of all of it side by side.
        package var inputDim: Int { pooledDim + SizeCondition.count * sizeDim }
    }

    package let inChannels: Int
    package let outChannels: Int
    package let blockOutChannels: [Int]
    package let downBlockTypes: [DownBlockType]
    /// The block at the lowest resolution; distilled models may do without. It has the last element of every list.
    package let midBlockType: MidBlockType?
    /// In the order of computation: the first one has the last element of every list.
    package let upBlockTypes: [UpBlockType]
    /// Number of residual blocks (each with its transformer) in a down block; its up block has one more.
    package let layersPerBlock: [Int]
    /// Width of the text encodings that cross-attention reads.
    package let crossAttentionDims: [Int]
    /// Number of attention heads.
    package let headCounts: [Int]
    /// Number of transformer blocks behind each residual block of each down block.
    package let downTransformerDepths: [[Int]]
    /// Number of transformer blocks in the middle.
    package let midTransformerDepth: Int
    /// Number of transformer blocks behind each residual block of each up block, in the order of computation.
    package let upTransformerDepths: [[Int]]
    package let normGroupCount: Int
    /// Epsilon of the residual blocks' group norms; that of the transformers is always 1e-6.
    package let normEpsilon: Float
    /// Whether the sinusoidal time embedding holds the cosines first.
    package let flipSinToCos: Bool
    /// Subtracted from the half width of the time embedding in its frequencies' exponent.
    package let frequencyShift: Double
    /// Whether a transformer's projections are linear layers instead of 1x1 convolutions.
    package let usesLinearProjection: Bool
    /// Edge of the square kernel of the first convolution.
    package let convInKernel: Int
    /// Edge of the square kernel of the last convolution.
    package let convOutKernel: Int
    /// What is added to the time embedding; `nil` before Stable Diffusion XL.
    package let addedCondition: AddedCondition?
    /// Width of the sinusoids of the guidance scale, which models distilled from guidance are told instead of evaluating
    /// them twice (Meng et al. 2023); `nil` for others.
    package let guidanceEmbeddingDim: Int?
    /// Height and width of the latents that the model was trained for, if the file tells.
    package let sampleSize: [Int]?

    /// Width of the sinusoidal time embedding.
    package var timeProjectionDim: Int { blockOutChannels[0] }

    /// Width of the learned time embedding.
    package var timeEmbeddingDim: Int { 4 * blockOutChannels[0] }
}

extension UNetConfig {
    /// Reads the config at `path`.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing, contradicts itself or asks for what is not supported.
    package init(path: String) throws(DiffusionError) {
        try self.init(ConfigFile(path: path))
    }

    /// Reads the config of a file, or what stands for one where a model has none.
    init(_ file: ConfigFile) throws(DiffusionError) {
        try file.require("_class_name", is: "UNet2DConditionModel")
        try Self.refuseUnsupported(in: file)
        inChannels = try file.integer("in_channels", in: 1...1024, default: 4)
        outChannels = try file.integer("out_channels", in: 1...1024, default: 4)
        blockOutChannels = try file.integers("block_out_channels", in: 1...65_536, counts: 1...8)
        let count = blockOutChannels.count
        downBlockTypes = try file.choices("down_block_types", count: count)
        upBlockTypes = try file.choices("up_block_types", count: count)
        midBlockType = try Self.midBlockType(in: file)
        layersPerBlock = try file.integersPerBlock("layers_per_block", in: 1...64, count: count, default: 2)
        crossAttentionDims = try file.integersPerBlock(
            "cross_attention_dim", in: 1...65_536, count: count, default: 1280)
        let headKey = file.has("num_attention_heads") ? "num_attention_heads" : "attention_head_dim"
        // The key says dimension, but has always meant the number of heads, and 40,000 files rely on that:
        // https://github.com/huggingface/diffusers/issues/2011#issuecomment-1547958131
        headCounts = try file.integersPerBlock(headKey, in: 1...1024, count: count, default: 8)
        (downTransformerDepths, upTransformerDepths) = try Self.transformerDepths(in: file, layers: layersPerBlock)
        midTransformerDepth = downTransformerDepths[count - 1][0]
        normGroupCount = try file.integer("norm_num_groups", in: 1...1024, default: 32)
        normEpsilon = Float(try file.number("norm_eps", in: 1e-12...0.1, default: 1e-5))
        flipSinToCos = try file.bool("flip_sin_to_cos", default: true)
        frequencyShift = try file.number("freq_shift", in: 0...1, default: 0)
        usesLinearProjection = try file.bool("use_linear_projection", default: false)
        convInKernel = try Self.oddKernel("conv_in_kernel", in: file)
        convOutKernel = try Self.oddKernel("conv_out_kernel", in: file)
        addedCondition = try Self.addedCondition(in: file)
        guidanceEmbeddingDim =
            file.has("time_cond_proj_dim") ? try file.integer("time_cond_proj_dim", in: 4...65_536) : nil
        sampleSize =
            file.has("sample_size")
            ? try file.integersPerBlock("sample_size", in: 1...8192, count: 2, default: 64) : nil
        try checkDivisibility(in: file, headKey: headKey)
    }

    private static func refuseUnsupported(in file: ConfigFile) throws(DiffusionError) {
        try file.refuse([
            "class_embed_type", "cross_attention_norm", "encoder_hid_dim", "encoder_hid_dim_type", "num_class_embeds",
            "time_embedding_act_fn", "time_embedding_dim", "timestep_post_act",
        ])
        for key in [
            "center_input_sample", "class_embeddings_concat", "dual_cross_attention", "mid_block_only_cross_attention",
            "only_cross_attention", "resnet_skip_time_act",
        ] { try file.refuse(key, unless: .bool(false)) }
        try file.refuse("act_fn", unless: .string("silu"), .string("swish"))
        try file.refuse("attention_type", unless: .string("default"))
        try file.refuse("downsample_padding", unless: .integer(1))
        try file.refuse("mid_block_scale_factor", unless: .integer(1), .number(1))
        try file.refuse("resnet_out_scale_factor", unless: .integer(1), .number(1))
        try file.refuse("resnet_time_scale_shift", unless: .string("default"))
        try file.refuse("time_embedding_type", unless: .string("positional"))
    }

    private static func transformerDepths(
        in file: ConfigFile, layers: [Int]
    ) throws(DiffusionError) -> (down: [[Int]], up: [[Int]]) {
        let (key, upKey) = ("transformer_layers_per_block", "reverse_transformer_layers_per_block")
        let down = try file.integersPerLayer(key, in: 0...64, counts: layers, default: 1)
        let upLayers = layers.reversed().map { $0 + 1 }
        if file.has(upKey) {
            return (down, try file.integersPerLayer(upKey, in: 0...64, counts: upLayers, default: 1))
        }
        guard !file.isNested(key) else {
            throw file.invalid(upKey, "is missing, though \(key) differs within a block")
        }
        return (down, zip(down.reversed(), upLayers).map { Array(repeating: $0[0], count: $1) })
    }

    private static func addedCondition(in file: ConfigFile) throws(DiffusionError) -> AddedCondition? {
        guard file.has("addition_embed_type") else { return nil }
        try file.refuse("addition_embed_type", unless: .string("text_time"))
        let size = try file.integer("addition_time_embed_dim", in: 2...65_536)
        let key = "projection_class_embeddings_input_dim"
        let input = try file.integer(key, in: 1...1_048_576)
        guard size.isMultiple(of: 2), input > SizeCondition.count * size else {
            throw file.invalid(
                key, "is \(input), which leaves no room for a text beside \(SizeCondition.count) times \(size)")
        }
        return AddedCondition(pooledDim: input - SizeCondition.count * size, sizeDim: size)
    }

    /// An absent key means the usual block, but a null means none.
    private static func midBlockType(in file: ConfigFile) throws(DiffusionError) -> MidBlockType? {
        file.isNull("mid_block_type") ? nil : try file.choice("mid_block_type", default: .crossAttention)
    }

    /// Only an odd kernel keeps the size of what it is applied to.
    private static func oddKernel(_ key: String, in file: ConfigFile) throws(DiffusionError) -> Int {
        let edge = try file.integer(key, in: 1...31, default: 3)
        guard !edge.isMultiple(of: 2) else { throw file.invalid(key, "must be odd, but is \(edge)") }
        return edge
    }

    private func checkDivisibility(in file: ConfigFile, headKey: String) throws(DiffusionError) {
        guard guidanceEmbeddingDim?.isMultiple(of: 2) ?? true else {
            throw file.invalid("time_cond_proj_dim", "must be even, but is \(guidanceEmbeddingDim ?? 0)")
        }
        guard timeProjectionDim.isMultiple(of: 2) else {
            throw file.invalid("block_out_channels", "must begin with an even number, but is \(blockOutChannels)")
        }
        for (index, channels) in blockOutChannels.enumerated() {
            guard channels.isMultiple(of: normGroupCount) else {
                throw file.invalid(
                    "norm_num_groups", "is \(normGroupCount), which does not divide \(channels) channels")
            }
            let isLast = index == blockOutChannels.count - 1
            let hasAttention =
                downBlockTypes[index] == .crossAttention
                || upBlockTypes[blockOutChannels.count - 1 - index] == .crossAttention
                || isLast && midBlockType == .crossAttention
            guard !hasAttention || channels.isMultiple(of: headCounts[index]) else {
                throw file.invalid(
                    headKey, "gives \(headCounts[index]) heads, which do not divide \(channels) channels")
            }
        }
    }
}
