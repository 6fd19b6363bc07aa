import Diffusion
import Testing

/// Models of every family with random weights, against diffusers and transformers in fp32.
///
/// Single precision leaves no more after some hundred operations in another order. Greatest differences measured on AVX2, of
/// numbers up to 6: SD 2's text 1.7e-6, SDXL's texts 1.6e-6 and pooled ones 4.8e-7, UNets 4.6e-6, decoders 7.4e-6.
@Suite("The networks of every family agree with diffusers'")
struct FamilyTests {
    private static let tolerance: Float = 3e-5

    private let device: CPUDevice

    init() throws { device = try CPUDevice() }

    private func model(_ name: String) throws -> (ModelFolder, golden: SafetensorsFile) {
        (try ModelFolder(path: "\(Golden.folder)/\(name)"), try Golden.open("\(name)/expected"))
    }

    /// The two texts of a golden file, with the picture sizes that it was made with.
    private func texts(_ golden: SafetensorsFile, width: Int, pooled: Int? = nil) throws -> [Conditioning] {
        let states = try golden.floats("text.output", shape: [2, 77, width])
        let summaries = try pooled.map { try golden.floats("text.pooled", shape: [2, $0]) } ?? []
        var first = SizeCondition(width: 640, height: 512)
        (first.originalWidth, first.originalHeight, first.cropLeft) = (768, 1024, 64)
        var second = SizeCondition(width: 320, height: 256)
        second.cropTop = 16
        return [first, second].enumerated().map { index, size in
            Conditioning(
                states: Array(states[index * 77 * width..<(index + 1) * 77 * width]), tokenCount: 77,
                pooled: Array(summaries.dropFirst(index * (pooled ?? 0)).prefix(pooled ?? 0)), size: size)
        }
    }

    private func difference(
        _ unet: UNet, _ golden: SafetensorsFile, shape: [Int], texts: [Conditioning], guidances: [Float] = []
    ) throws -> Float {
        let sample = Layout.channelsLast(try golden.floats("unet.sample", shape: shape), shape)
        let output = try unet(
            try device.upload(sample, shape: [shape[0], shape[2], shape[3], shape[1]]), timestep: 481,
            guidances: guidances, context: try unet.context(of: texts))
        let expected = try golden.floats("unet.output", shape: shape)
        return greatestDifference(Layout.channelsFirst(device.download(output), output.shape), expected)
    }

    @Test("Stable Diffusion 2: text", arguments: [(0, "output"), (1, "skip1")])
    func text2(clipSkip: Int, name: String) throws {
        let (model, golden) = try model("family-sd2")
        let conditioner = try TextConditioner(model: model, device: device)
        let ids = try golden.int32s("text.ids", shape: [2, 77])
        let found = try conditioner.encode([[Array(ids[..<77])], [Array(ids[77...])]], clipSkip: clipSkip)
        let expected = try golden.floats("text.\(name)", shape: [2, 77, 32])
        #expect(greatestDifference(found.flatMap(\.states), expected) < Self.tolerance)
        #expect(found.allSatisfy { $0.pooled.isEmpty && $0.channels == 32 })
    }

    @Test("Stable Diffusion 2: UNet and decoder, from the files of the fp16 variant")
    func networks2() throws {
        let (model, golden) = try model("family-sd2")
        #expect(model.config.scheduler.predictionType == .velocity)
        let unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
        #expect(try difference(unet, golden, shape: [2, 4, 16, 24], texts: texts(golden, width: 32)) < Self.tolerance)
        #expect(try decoderDifference(model.config.vae, model.vaeWeights(), golden, scale: 8) < Self.tolerance)
    }

    @Test(
        "Stable Diffusion XL: both texts side by side and the pooled one", arguments: [(0, "output"), (1, "skip1")])
    func textXL(clipSkip: Int, name: String) throws {
        let (model, golden) = try model("family-sdxl")
        #expect(model.config.family == .stableDiffusionXL && model.config.zeroesEmptyPrompt)
        let conditioner = try TextConditioner(model: model, device: device)
        let ids = try golden.int32s("text.ids", shape: [2, 77])
        let ids2 = try golden.int32s("text.ids_2", shape: [2, 77])
        let texts = [[Array(ids[..<77]), Array(ids2[..<77])], [Array(ids[77...]), Array(ids2[77...])]]
        #expect(conditioner.tokenizers.map { $0.encode("") } == texts[1])
        let found = try conditioner.encode(texts, clipSkip: clipSkip)
        let expected = try golden.floats("text.\(name)", shape: [2, 77, 40])
        #expect(greatestDifference(found.flatMap(\.states), expected) < Self.tolerance)
        let pooled = try golden.floats("text.pooled", shape: [2, 20])
        #expect(greatestDifference(found.flatMap(\.pooled), pooled) < Self.tolerance)
    }

    @Test("Stable Diffusion XL: UNet and decoder, in bf16 and several files")
    func networksXL() throws {
        let (model, golden) = try model("family-sdxl")
        let unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
        let texts = try texts(golden, width: 40, pooled: 20)
        #expect(try difference(unet, golden, shape: [2, 4, 8, 12], texts: texts) < Self.tolerance)
        #expect(try decoderDifference(model.config.vae, model.vaeWeights(), golden, scale: 4) < Self.tolerance)
    }

    @Test(
        "Stable Diffusion XL: the picture of four steps, within two of 255 levels",
        arguments: [("zeros", ""), ("text", "rt red hair in posh bob style teaching math at a blackboard")])
    func pictureXL(name: String, negative: String) throws {
        let (model, golden) = try model("family-sdxl")
        let expected: [UInt8] = try golden.scalars("picture.\(name)", shape: [64, 96, 3])
        let pipeline = try Pipeline(model: model, device: device)
        var pictures: [RenderedImage] = []
        let row = RowRequest(
            prompt: "young woman with short red hair in posh bob style teaching math at a blackboard",
            negativePrompt: negative, guidances: [5], seed: 7, steps: 4, sampler: SamplerSettings(.euler), width: 96,
            height: 64)
        try pipeline.render(row) { pictures.append($0) }
        let found = try #require(pictures.first)
        #expect(found.pixels.count == expected.count)
        #expect(zip(found.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
    }

    @Test("UNets told the guidance, with uneven depths, without a middle", arguments: ["lcm", "reduced", "tiny"])
    func variants(name: String) throws {
        let folder = "\(Golden.folder)/unet-\(name)"
        let golden = try Golden.open("unet-\(name)/expected")
        let config = try UNetConfig(path: "\(folder)/config.json")
        let unet = try UNet(config: config, weights: try WeightSource(part: folder), device: device)
        let isXL = config.addedCondition != nil
        let texts = try texts(golden, width: config.crossAttentionDims[0], pooled: isXL ? 20 : nil)
        let guidances: [Float] = unet.readsGuidance ? [1, 7.5] : []
        #expect(unet.readsGuidance == (name == "lcm"))
        // A guidance of 7.5 is told in sines of angles up to 6500, whose last place is 5e-4.
        let tolerance: Float = unet.readsGuidance ? 1e-4 : Self.tolerance
        #expect(
            try difference(unet, golden, shape: [2, 4, 16, 8], texts: texts, guidances: guidances) < tolerance)
    }

    @Test("a VAE without quantisation and attention, with a shift")
    func plainDecoder() throws {
        let folder = "\(Golden.folder)/vae-plain"
        let config = try VAEConfig(path: "\(folder)/config.json")
        #expect(config.shiftFactor == 0.0609 && !config.usesPostQuantConv && !config.midBlockHasAttention)
        let golden = try Golden.open("vae-plain/expected")
        #expect(try decoderDifference(config, WeightSource(part: folder), golden, scale: 8) < Self.tolerance)
    }

    private func decoderDifference(
        _ config: VAEConfig, _ weights: WeightSource, _ golden: SafetensorsFile, scale: Int
    ) throws -> Float {
        let decoder = try VAEDecoder(config: config, weights: weights, device: device)
        let latents = try golden.floats("vae.latents", shape: [1, 4, 5, 9])
        let picture = try decoder(Layout.channelsLast(latents, [1, 4, 5, 9]), shape: [1, 5, 9, 4], on: device)
        let expected = try golden.floats("vae.decoded", shape: [1, 3, 5 * scale, 9 * scale])
        return greatestDifference(Layout.channelsFirst(device.download(picture), picture.shape), expected)
    }

    @Test("an encoder whose layers are read anew for every text gives the same bits", arguments: [0, 1])
    func streamedLayers(index: Int) throws {
        let (model, golden) = try model("family-sdxl")
        let ids = Array(try golden.int32s("text.ids", shape: [2, 77])[..<77])
        let results = try [true, false].map { keepsLayers in
            let encoder = try TextEncoder(
                config: model.config.textEncoders[index], weights: try model.textEncoderWeights()[index],
                device: device, keepsLayers: keepsLayers)
            let encoding = try encoder([ids])
            return [device.download(encoding.states)] + encoding.pooled
        }
        #expect(results[0] == results[1] && results[0].count == index + 1)
    }

    @Test("more layers than an encoder has cannot be skipped", arguments: [-1, 2])
    func clipSkip(_ skip: Int) throws {
        let (model, _) = try model("family-sdxl")
        let conditioner = try TextConditioner(model: model, device: device)
        #expect(throws: DiffusionError.invalidClipSkip(skip, greatest: 1)) { try conditioner(["a"], clipSkip: skip) }
    }
}
