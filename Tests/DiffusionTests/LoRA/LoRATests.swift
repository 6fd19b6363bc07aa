import Testing

@testable import Diffusion

/// LoRAs against the weights that diffusers has after it fused them.
///
/// The tolerance, 1e-5, is that of products of few factors in single precision; the weights are about 1. Measured:
/// 2.4e-7.
@Suite("A LoRA")
struct LoRATests {
    @Test(
        "merges into a model as diffusers fuses it",
        arguments: [
            ("sd15-kohya", "random-sd15"), ("sd15-peft", "random-sd15"), ("sd15-tucker", "random-sd15"),
            ("sdxl-kohya", "family-sdxl"),
        ])
    func merging(lora: String, model: String) throws {
        let base = try ModelFolder(path: "\(Golden.folder)/\(model)")
        let path = "\(Golden.folder)/loras/\(lora).safetensors"
        let merged = try ComposedModel(base, loras: LoRASet([(path: path, weight: 0.75)]))
        let expected = try Golden.open("loras/\(lora).expected")
        #expect(!expected.names.isEmpty)
        for name in expected.names {
            let (part, tensor) = try Self.split(name)
            let shape = try #require(expected.shape(of: name))
            let values = try expected.floats(name, shape: shape)
            let before = try Self.weights(part, of: base).floats(tensor, shape: shape)
            let after = try Self.weights(part, of: merged).floats(tensor, shape: shape)
            #expect(greatestDifference(after, values) < 1e-5, "\(name)")
            #expect(greatestDifference(before, values) > 1e-3, "\(name) is not changed at all")
        }
        let untouched = "conv_in.weight"
        let shape = try #require(try base.unetWeights().shape(of: untouched))
        #expect(
            try merged.unetWeights().floats(untouched, shape: shape)
                == base.unetWeights().floats(untouched, shape: shape))
    }

    @Test("of weight 0 changes nothing, and several add up")
    func weights() throws {
        let base = try ModelFolder(path: "\(Golden.folder)/random-sd15")
        let path = "\(Golden.folder)/loras/sd15-kohya.safetensors"
        let name = "up_blocks.3.resnets.2.conv1.weight"
        let shape = try #require(try base.unetWeights().shape(of: name))
        func merged(_ weights: [Double]) throws -> [Float] {
            let loras = try LoRASet(weights.map { (path: path, weight: $0) })
            return try ComposedModel(base, loras: loras).unetWeights().floats(name, shape: shape)
        }
        #expect(try merged([0]) == base.unetWeights().floats(name, shape: shape))
        #expect(greatestDifference(try merged([0.5, 0.25]), try merged([0.75])) < 1e-6)
        #expect(greatestDifference(try merged([1, -1]), try merged([])) < 1e-5)
    }

    @Test("for another family is refused with layers that the model lacks")
    func otherFamily() throws {
        let base = try ModelFolder(path: "\(Golden.folder)/random-sd15")
        let path = "\(Golden.folder)/loras/sdxl-kohya.safetensors"
        let error = #expect(throws: DiffusionError.self) {
            try ComposedModel(base, loras: LoRASet([(path: path, weight: 1)]))
        }
        let text = try #require(error).description
        #expect(text.hasPrefix("\(path) changes layers that the model does not have, "))
        #expect(text.contains("lora_te2_text_model_encoder_layers_1_self_attn_out_proj.lora_down.weight"))
    }

    @Test(
        "of a kind that is no product of two matrices is refused by that kind's name",
        arguments: [
            ("lora_unet_x.dora_scale", "is a DoRA"), ("lora_unet_x.hada_w1_a", "is a LoHa"),
            ("lora_unet_x.lokr_w1", "is a LoKr"), ("lora_unet_x.on_input", "is an (IA)³"),
            ("lora_unet_x.diff", "is a set of full differences"), ("conv_in.weight", "is not a LoRA"),
        ])
    func kinds(name: String, problem: String) throws {
        let folder = try TemporaryFolder()
        let path = try folder.write(safetensorsBytes([(name: name, shape: [1], values: [1])]), to: "lora.safetensors")
        let error = #expect(throws: DiffusionError.self) { try LoRASet([(path: path, weight: 1)]) }
        #expect(try #require(error).description.hasPrefix("\(path) \(problem)"))
    }

    @Test(
        "whose matrices do not go together is refused",
        arguments: [
            (up: [4, 2], down: [3, 4], "the matrices of"), (up: [4], down: [2, 4], "the matrices of"),
            (up: [4, 2], down: [], "the matrices of"), (up: [4, 0], down: [0, 4], "is not one finite number"),
        ])
    func misfits(up: [Int], down: [Int], problem: String) throws {
        let folder = try TemporaryFolder()
        let zeros = { (shape: [Int]) in [Float](repeating: 0, count: shape.reduce(1, *)) }
        let bytes = safetensorsBytes([
            (name: "lora_unet_conv_in.lora_up.weight", shape: up, values: zeros(up)),
            (name: "lora_unet_conv_in.lora_down.weight", shape: down, values: zeros(down)),
            (name: "lora_unet_conv_in.alpha", shape: [], values: [1]),
        ])
        let path = try folder.write(bytes, to: "lora.safetensors")
        let error = #expect(throws: DiffusionError.self) { try LoRASet([(path: path, weight: 1)]) }
        #expect(try #require(error).description.contains(problem))
    }

    @Test("of the right names but another width is refused with both shapes")
    func otherWidth() throws {
        let folder = try TemporaryFolder()
        let bytes = safetensorsBytes([
            (name: "unet.mid_block.attentions.0.proj_in.lora_B.weight", shape: [2, 1], values: [0, 0]),
            (name: "unet.mid_block.attentions.0.proj_in.lora_A.weight", shape: [1, 2], values: [0, 0]),
        ])
        let path = try folder.write(bytes, to: "lora.safetensors")
        let base = try ModelFolder(path: "\(Golden.folder)/random-sd15")
        let wrong = DiffusionError.wrongShape(
            name: "unet.mid_block.attentions.0.proj_in.lora_A.weight", path: path, expected: [24, 24, 1, 1],
            found: [2, 2])
        #expect(throws: wrong) { try ComposedModel(base, loras: LoRASet([(path: path, weight: 1)])) }
    }

    @Test(
        "may spell a layer in any of its formats' ways",
        arguments: [
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0.lora_up.weight",
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_B.weight",
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.lora.up.weight",
            "unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight",
            "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0.lora_B.default.weight",
        ])
    func spellings(name: String) throws {
        let key = try #require(LoRAKey(name))
        #expect(key.network == .unet && key.role == .up)
        #expect(key.layer == "mid_block_attentions_0_transformer_blocks_0_attn1_to_out_0")
    }

    private static func split(_ name: String) throws -> (part: String, tensor: String) {
        let slash = try #require(name.firstIndex(of: "/"))
        return (String(name[..<slash]), String(name[name.index(after: slash)...]))
    }

    private static func weights(_ part: String, of model: any ModelFiles) throws -> WeightSource {
        guard part != "unet" else { return try model.unetWeights() }
        return try model.textEncoderWeights()[part == "text_encoder" ? 0 : 1].scoped(ifPresent: "text_model")
    }
}
