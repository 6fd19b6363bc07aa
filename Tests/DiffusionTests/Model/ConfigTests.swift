import Diffusion
import Testing

@Suite("The configs of a model")
struct ConfigTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A change of one key of the embedded model's configs, and what must be said about it.
    struct Edit: CustomTestStringConvertible, Sendable {
        let key: String
        let value: String?
        let problem: String
        let blamedKey: String

        init(_ key: String, _ value: String?, _ problem: String, blaming blamedKey: String? = nil) {
            self.key = key
            self.value = value
            self.problem = problem
            self.blamedKey = blamedKey ?? key
        }

        var testDescription: String { "\(key): \(value ?? "absent")" }
    }

    private func expectRefusal<Config>(
        _ edit: Edit, part: String, file: String = "config.json", by read: (String) throws -> Config
    ) throws {
        let path = try folder.copyJSON(
            "\(Golden.model)/\(part)/\(file)", to: file, edits: [edit.key: edit.value])
        #expect(
            throws: DiffusionError.invalidConfig(path: path, key: edit.blamedKey, problem: edit.problem)
        ) { try read(path) }
    }

    @Test("of Stable Diffusion 1.5 are read as they were published")
    func stableDiffusion15() throws {
        let unet = try UNetConfig(
            path: folder.write(
                """
                {"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
                 "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280], "center_input_sample": false,
                 "cross_attention_dim": 768,
                 "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
                 "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4,
                 "layers_per_block": 2, "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32,
                 "out_channels": 4, "sample_size": 64,
                 "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"]}
                """, to: "unet.json"))
        #expect(unet.headCounts == [8, 8, 8, 8])
        #expect(unet.layersPerBlock == [2, 2, 2, 2])
        #expect(unet.downTransformerDepths == [[1, 1], [1, 1], [1, 1], [1, 1]] && unet.midTransformerDepth == 1)
        #expect(unet.upTransformerDepths == [[1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]])
        #expect(unet.addedCondition == nil && unet.guidanceEmbeddingDim == nil)
        #expect(unet.crossAttentionDims == [768, 768, 768, 768])
        #expect(unet.downBlockTypes == [.crossAttention, .crossAttention, .crossAttention, .convolution])
        #expect(unet.upBlockTypes == [.convolution, .crossAttention, .crossAttention, .crossAttention])
        #expect(unet.midBlockType == .crossAttention)
        #expect(unet.sampleSize == [64, 64] && unet.normEpsilon == 1e-5 && !unet.usesLinearProjection)
        #expect(unet.timeProjectionDim == 320 && unet.timeEmbeddingDim == 1280)

        let vae = try VAEConfig(
            path: folder.write(
                """
                {"_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
                 "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
                 "sample_size": 512, "up_block_types":
                 ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
                """, to: "vae.json"))
        #expect(vae.scalingFactor == 0.18215 && vae.shiftFactor == 0 && vae.upscaling == 8)
        #expect(vae.usesPostQuantConv && vae.midBlockHasAttention)

        let scheduler = try SchedulerConfig(
            path: folder.write(
                """
                {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear",
                 "beta_start": 0.00085, "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true,
                 "steps_offset": 1, "trained_betas": null, "clip_sample": false}
                """, to: "scheduler.json"))
        #expect(scheduler.timestepSpacing == .leading && scheduler.stepsOffset == 1 && !scheduler.setAlphaToOne)
    }

    @Test("with a value for each block, or without a middle, are read")
    func perBlock() throws {
        let path = try folder.copyJSON(
            "\(Golden.model)/unet/config.json", to: "config.json",
            edits: [
                "attention_head_dim": "[2, 3, 4]", "layers_per_block": "[1, 2, 3]", "mid_block_type": "null",
                "transformer_layers_per_block": "[1, 2, 10]", "sample_size": "[16, 24]",
            ])
        let unet = try UNetConfig(path: path)
        #expect(unet.headCounts == [2, 3, 4])
        #expect(unet.layersPerBlock == [1, 2, 3])
        #expect(unet.downTransformerDepths == [[1], [2, 2], [10, 10, 10]] && unet.midTransformerDepth == 10)
        #expect(unet.upTransformerDepths == [[10, 10, 10, 10], [2, 2, 2], [1, 1]])
        #expect(unet.midBlockType == nil)
        #expect(unet.sampleSize == [16, 24])
    }

    @Test("may say num_attention_heads, which then counts")
    func explicitHeads() throws {
        let path = try folder.copyJSON(
            "\(Golden.model)/unet/config.json", to: "config.json", edits: ["num_attention_heads": "8"])
        #expect(try UNetConfig(path: path).headCounts == [8, 8, 8])
    }

    @Test(
        "of a UNet are refused with the key and the reason",
        arguments: [
            Edit(
                "_class_name", "\"FluxTransformer2DModel\"",
                "is \"FluxTransformer2DModel\", but only \"UNet2DConditionModel\" is supported"),
            Edit("addition_embed_type", "\"text_image\"", "asks for \"text_image\", which is not supported"),
            Edit("addition_embed_type", "\"text_time\"", "is missing", blaming: "addition_time_embed_dim"),
            Edit("class_embed_type", "\"timestep\"", "asks for \"timestep\", which is not supported"),
            Edit("dual_cross_attention", "true", "asks for true, which is not supported"),
            Edit("time_cond_proj_dim", "257", "must be even, but is 257"),
            Edit(
                "transformer_layers_per_block", "[1, [2], 1]",
                "is missing, though transformer_layers_per_block differs within a block",
                blaming: "reverse_transformer_layers_per_block"),
            Edit("transformer_layers_per_block", "[1, 2]", "must be a list for 3 blocks, but is [1, 2]"),
            Edit("act_fn", "\"gelu\"", "asks for \"gelu\", which is not supported"),
            Edit("resnet_out_scale_factor", "1.5", "asks for 1.5, which is not supported"),
            Edit("block_out_channels", "[]", "must be a list of at most 8 numbers, but is []"),
            Edit("block_out_channels", nil, "is missing"),
            Edit("block_out_channels", "64", "must be a list of at most 8 numbers, but is 64"),
            Edit("block_out_channels", "[64, 96, -128]", "must be a whole number from 1 to 65536, but is -128"),
            Edit(
                "block_out_channels", "[64, 96, 100]", "is 16, which does not divide 100 channels",
                blaming: "norm_num_groups"),
            Edit("attention_head_dim", "5", "gives 5 heads, which do not divide 96 channels"),
            Edit("attention_head_dim", "[4, 4]", "must be a list of 3 numbers, but is [4, 4]"),
            Edit(
                "down_block_types", "[\"DownBlock2D\"]",
                "must list one type for each of the 3 blocks, but is [\"DownBlock2D\"]"),
            Edit(
                "up_block_types", "[\"UpBlock2D\", \"UpBlock2D\", \"AttnUpBlock2D\"]",
                "must be UpBlock2D or CrossAttnUpBlock2D, but is \"AttnUpBlock2D\""),
            Edit(
                "mid_block_type", "\"UNetMidBlock2DSimpleCrossAttn\"",
                "must be UNetMidBlock2D or UNetMidBlock2DCrossAttn, but is \"UNetMidBlock2DSimpleCrossAttn\""),
            Edit("layers_per_block", "0", "must be a whole number from 1 to 64, but is 0"),
            Edit("layers_per_block", "1e30", "must be a whole number from 1 to 64, but is 1e+30"),
            Edit("norm_eps", "\"small\"", "must be a number, but is \"small\""),
            Edit("norm_eps", "0", "must be a number from 1e-12 to 0.1, but is 0.0"),
            Edit("flip_sin_to_cos", "1", "must be true or false, but is 1"),
            Edit("conv_in_kernel", "4", "must be odd, but is 4"),
        ])
    func unet(_ edit: Edit) throws {
        try expectRefusal(edit, part: "unet") { path in try UNetConfig(path: path) }
    }

    @Test(
        "of a text encoder are refused with the key and the reason",
        arguments: [
            Edit("model_type", "\"t5\"", "is \"t5\", but only \"clip_text_model\" is supported"),
            Edit("vocab_size", nil, "is missing"),
            Edit("hidden_size", "0", "must be a whole number from 1 to 65536, but is 0"),
            Edit("num_attention_heads", "3", "is 3, which does not divide hidden_size 128"),
            Edit("hidden_act", "\"relu\"", "must be gelu or quick_gelu, but is \"relu\""),
        ])
    func textEncoder(_ edit: Edit) throws {
        try expectRefusal(edit, part: "text_encoder") { path in try TextEncoderConfig(path: path) }
    }

    @Test(
        "of a VAE are refused with the key and the reason",
        arguments: [
            Edit(
                "_class_name", "\"AutoencoderDC\"",
                "is \"AutoencoderDC\", but only \"AutoencoderKL\" and \"AutoencoderTiny\" are supported"),
            Edit(
                "_class_name", "\"AutoencoderTiny\"", "asks for \"silu\", which is not supported", blaming: "act_fn"),
            Edit("latents_mean", "[0, 0, 0, 0]", "asks for [0, 0, 0, 0], which is not supported"),
            Edit("norm_num_groups", "32", "is 32, which does not divide 48 channels"),
            Edit("scaling_factor", "0", "must be a number from 1e-06 to 1000000.0, but is 0.0"),
        ])
    func vae(_ edit: Edit) throws {
        try expectRefusal(edit, part: "vae") { path in try VAEConfig(path: path) }
    }

    @Test(
        "of a scheduler are refused with the key and the reason",
        arguments: [
            Edit(
                "prediction_type", "\"flow\"", "must be epsilon or sample or v_prediction, but is \"flow\""),
            Edit(
                "beta_schedule", "\"squaredcos_cap_v2\"",
                "must be linear or scaled_linear, but is \"squaredcos_cap_v2\""),
            Edit("trained_betas", "[0.1]", "asks for [0.1], which is not supported"),
            Edit("beta_end", "0.0001", "is 0.0001, which is less than beta_start 0.00085"),
            Edit(
                "beta_start", "1e-9", "and beta_end give noise levels that single precision cannot tell apart"),
            Edit(
                "beta_end", "0.9", "and beta_end give noise levels that single precision cannot tell apart",
                blaming: "beta_start"),
            Edit("num_train_timesteps", "1", "must be a whole number from 2 to 100000, but is 1"),
            Edit("steps_offset", "1000", "must be a whole number from 0 to 999, but is 1000"),
            Edit("timestep_spacing", "\"even\"", "must be leading or linspace or trailing, but is \"even\""),
        ])
    func scheduler(_ edit: Edit) throws {
        try expectRefusal(edit, part: "scheduler", file: "scheduler_config.json") { path in
            try SchedulerConfig(path: path)
        }
    }

    @Test("may hold the infinities that Python writes")
    func infinity() throws {
        let path = try folder.write(
            #"{"lambda_min_clipped": -Infinity, "steps_offset": 0}"#, to: "scheduler_config.json")
        #expect(try SchedulerConfig(path: path).stepsOffset == 0)
    }

    @Test("that are no text are refused")
    func notText() throws {
        let path = try folder.write(Array("{a".utf8) + [0xFE] + Array(": 1}".utf8), to: "config.json")
        #expect(throws: DiffusionError.self) { try UNetConfig(path: path) }
    }

    @Test("that are no JSON objects are refused", arguments: ["", "[1]", "{\"a\":", "null", "\u{0}"])
    func notJSON(text: String) throws {
        let path = try folder.write(text, to: "config.json")
        #expect(
            throws: DiffusionError.unreadableFile(path: path, reason: "it is not an object in JSON; download it again")
        ) { try UNetConfig(path: path) }
    }
}
