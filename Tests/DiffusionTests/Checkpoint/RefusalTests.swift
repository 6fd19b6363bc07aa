import Foundation
import Testing

@testable import Diffusion

@Suite("A file that is no model")
struct RefusalTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test(
        "is refused by what it is, whatever its name",
        arguments: [
            ("lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", "is a LoRA, not a model"),
            ("unet.mid_block.attentions.0.proj_in.lora_A.weight", "is a LoRA, not a model"),
            ("control_model.time_embed.0.weight", "is a ControlNet, not a model"),
            ("down_blocks.0.motion_modules.0.temporal_transformer.norm.bias", "is an AnimateDiff motion module"),
            ("emb_params", "is a textual inversion"),
            ("joint_blocks.0.context_block.attn.qkv.weight", "is a Stable Diffusion 3 model"),
            ("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight", "is a Stable Diffusion 3 model"),
            ("double_blocks.0.img_attn.qkv.weight", "is a Flux model"),
            ("model.diffusion_model.double_blocks.0.img_attn.qkv.weight", "is a Flux model"),
            ("conditioner.embedders.0.model.ln_final.bias", "is the refiner of Stable Diffusion XL"),
            ("edm_vpred.sigma_max", "is a CosXL model"),
            ("edm_mean", "is a Playground 2.5 model"),
            ("first_stage_model.decoder.conv_in.weight", "is an autoencoder without a model"),
            ("decoder.conv_in.weight", "is an autoencoder without a model"),
            ("model.diffusion_model.input_blocks.0.0.weight", "holds a UNet, but no text encoder"),
            ("weight", "holds no UNet of Stable Diffusion"),
        ])
    func foreign(name: String, problem: String) throws {
        let path = try folder.write(
            safetensorsBytes([(name: name, shape: [1], values: [0])]), to: "sd_xl_base_1.0.safetensors")
        let error = #expect(throws: DiffusionError.self) { try Checkpoint(path: path, clipMerges: nil) }
        let text = try #require(error).description
        #expect(text.hasPrefix("\(path) \(problem)") && text.hasSuffix("."))
    }

    @Test(
        "with a UNet of more inputs is refused by what it is for",
        arguments: [(9, "an inpainting model"), (8, "an InstructPix2Pix model"), (5, "a depth-to-image model")])
    func inputs(channels: Int, kind: String) throws {
        var table = try CheckpointTable("sd15")
        let index = try #require(table.rows.firstIndex { $0.names == ["conv_in.weight"] })
        table.rows[index].shape[1] = channels
        let path = try table.write(to: folder)
        let error = #expect(throws: DiffusionError.self) { try Checkpoint(path: path, clipMerges: nil) }
        #expect(try #require(error).description.hasPrefix("\(path) is \(kind)"))
    }

    @Test(
        "in another format is refused by that format's name, without opening it",
        arguments: [
            (Array("PK\u{3}\u{4}".utf8) + [0, 0, 0, 0], "is a pickle"),
            ([0x80, 0x02, 0x8A, 0x0A, 0, 0, 0, 0], "is a pickle"),
            (Array("GGUF".utf8) + [3, 0, 0, 0], "is a GGUF file"),
        ])
    func formats(bytes: [UInt8], problem: String) throws {
        let path = try folder.write(bytes + Array(repeating: 0, count: 100), to: "model.safetensors")
        let error = #expect(throws: DiffusionError.self) { try Checkpoint(path: path, clipMerges: nil) }
        #expect(try #require(error).description.hasPrefix("\(path) \(problem)"))
    }
}
