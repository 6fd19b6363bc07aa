import Foundation
import Testing

@testable import Diffusion

/// Single-file checkpoints of true names and shapes, which diffusers' own loader of such files turned into its folders' names
/// when the tables were made.
@Suite("A checkpoint in one file")
struct CheckpointTests {
    static let families = ["sd15", "sd21", "sdxl"]

    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    @Test("has the configs of the diffusers folder of its family", arguments: families)
    func configs(family: String) throws {
        let table = try CheckpointTable(family)
        // The bias that tells models of the second version apart: half of it 1, half of it -1.
        let bias = (0..<320).map { Float16($0 % 2 == 0 ? 1 : -1) }
        let name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
        let config = try Checkpoint(
            path: table.write(to: folder, values: family == "sdxl" ? [:] : [name: bias]), clipMerges: nil
        ).config
        #expect(try config.unet == UNetConfig(table.config("unet")))
        #expect(try config.vae == VAEConfig(table.config("vae")))
        let isXL = family == "sdxl"
        var encoders = [try TextEncoderConfig(table.config("text_encoder"), isPenultimate: isXL)]
        if isXL {
            try encoders.append(
                TextEncoderConfig(table.config("text_encoder_2"), hasProjection: true, isPenultimate: true))
        }
        #expect(config.textEncoders == encoders)
        #expect(config.family == ["sd15": .stableDiffusion1, "sd21": .stableDiffusion2][family] ?? .stableDiffusionXL)
        #expect(config.zeroesEmptyPrompt == isXL)
        #expect(config.scheduler.predictionType == (family == "sd21" ? .velocity : .epsilon))
        #expect(config.scheduler.timestepSpacing == .leading && config.scheduler.stepsOffset == 1)
    }

    @Test("gives every tensor the name that diffusers gives it", arguments: families)
    func names(family: String) throws {
        let table = try CheckpointTable(family)
        let model = try Checkpoint(path: table.write(to: folder), clipMerges: nil)
        let encoders = model.textEncoderWeights()
        let parts = [
            ("unet", model.unetWeights()), ("vae", try model.vaeWeights()), ("text_encoder", encoders[0]),
            ("text_encoder_2", encoders.count > 1 ? encoders[1] : nil),
        ]
        for (part, source) in parts {
            let rows = table.rows.filter { $0.part == part }
            #expect(Set(source?.names ?? []) == Set(rows.flatMap(\.names)), "\(family) \(part)")
            for row in rows {
                for name in row.names {
                    let view = try #require(source?.view(of: name))
                    #expect(view.name == row.original)
                    let isMatrix = part == "vae" && name.contains("attentions.0.to_") && row.shape.count == 4
                    let rows = row.names.count
                    let shape = isMatrix ? Array(row.shape[..<2]) : [row.shape[0] / rows] + row.shape.dropFirst()
                    #expect(view.shape == (row.original.hasSuffix("text_projection") ? shape.reversed() : shape))
                }
            }
        }
    }

    @Test("is what the networks ask for, no tensor more and none less", arguments: families)
    func networks(family: String) throws {
        let table = try CheckpointTable(family)
        let model = try Checkpoint(path: table.write(to: folder), clipMerges: nil)
        let device = try CPUDevice()
        for (config, weights) in zip(model.config.textEncoders, model.textEncoderWeights()) {
            _ = try TextEncoder(config: config, weights: weights, device: device)
        }
        _ = try UNet(config: model.config.unet, weights: model.unetWeights(), device: device)
        _ = try VAEDecoder(config: model.config.vae, weights: model.vaeWeights(), device: device)
    }

    @Test("splits OpenCLIP's fused attention into thirds and turns its projection")
    func views() throws {
        let table = try CheckpointTable("sdxl")
        let prefix = "conditioner.embedders.1.model."
        let fused = (0..<3 * 1280).map { Float16($0) }
        // Row 2, column 5 of the file's matrix.
        let place = 2 * 1280 + 5
        let projection = (0...place).map { Float16($0 == place ? 1.5 : 0) }
        let path = try table.write(
            to: folder,
            values: [
                "\(prefix)transformer.resblocks.7.attn.in_proj_bias": fused, "\(prefix)text_projection": projection,
            ])
        let weights = try Checkpoint(path: path, clipMerges: nil).textEncoderWeights()[1]
        for (index, name) in ["q_proj", "k_proj", "v_proj"].enumerated() {
            let bias = try weights.floats("encoder.layers.7.self_attn.\(name).bias", shape: [1280])
            #expect(bias == fused[(index * 1280)..<((index + 1) * 1280)].map(Float.init))
        }
        let turned = try weights.floats("text_projection.weight", shape: [1280, 1280])
        #expect(turned.firstIndex(of: 1.5) == 5 * 1280 + 2 && turned.filter { $0 != 0 }.count == 1)
    }

    @Test(
        "tells what SD 2 predicts by how much one bias varies", arguments: [(0.08, "epsilon"), (0.1, "v_prediction")])
    func prediction(deviation: Double, prediction: String) throws {
        let name = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
        let bias = (0..<320).map { Float16($0 % 2 == 0 ? deviation : -deviation) }
        let path = try CheckpointTable("sd21").write(to: folder, values: [name: bias])
        let config = try Checkpoint(path: path, clipMerges: nil).config
        #expect(config.scheduler.predictionType.rawValue == prediction)
        #expect(config.unet.sampleSize == (prediction == "epsilon" ? [64, 64] : [96, 96]))
    }

    @Test("of SDXL tells by markers that it predicts the velocity, from noise without a signal")
    func markers() throws {
        var table = try CheckpointTable("sdxl")
        table.rows += ["v_pred", "ztsnr"].map { .init(original: $0, shape: [0], part: "", names: []) }
        let scheduler = try Checkpoint(path: table.write(to: folder), clipMerges: nil).config.scheduler
        #expect(scheduler.predictionType == .velocity && scheduler.hasZeroTerminalSNR)
    }

    @Test("may hold what no network needs: averages, buffers, other programs' notes")
    func extras() throws {
        var table = try CheckpointTable("sd15")
        table.rows += [
            "model_ema.diffusion_modelinput_blocks00weight", "betas", "cond_stage_model.logit_scale",
            "cond_stage_model.transformer.text_model.embeddings.position_ids", "first_stage_model.model_ema.decay",
            "cond_stage_model.transformer.text_projection.weight",
        ].map { .init(original: $0, shape: [1], part: "", names: []) }
        let model = try Checkpoint(path: table.write(to: folder), clipMerges: nil)
        let device = try CPUDevice()
        _ = try TextEncoder(
            config: model.config.textEncoders[0], weights: model.textEncoderWeights()[0], device: device)
        _ = try VAEDecoder(config: model.config.vae, weights: model.vaeWeights(), device: device)
    }

    @Test("of an old merge has no text_model in its names")
    func oldNames() throws {
        var table = try CheckpointTable("sd15")
        for index in table.rows.indices {
            table.rows[index].original.replace(".transformer.text_model.", with: ".transformer.")
        }
        let model = try Checkpoint(path: table.write(to: folder, type: .bfloat16), clipMerges: nil)
        #expect(model.config.textEncoders[0].layerCount == 12)
        _ = try TextEncoder(
            config: model.config.textEncoders[0], weights: model.textEncoderWeights()[0], device: CPUDevice())
    }

    @Test("without an autoencoder asks for one, and takes it from another file, in either naming")
    func otherVAE() throws {
        let table = try CheckpointTable("sdxl")
        var checkpoint = table
        checkpoint.rows.removeAll { $0.part == "vae" }
        let path = try checkpoint.write(to: folder)
        let model = try Checkpoint(path: path, clipMerges: nil)
        let missing = DiffusionError.unsuitableModel(
            path: path, problem: "holds no autoencoder; name the file of one under vae:")
        #expect(throws: missing) { try model.vaeWeights() }
        for isOriginal in [true, false] {
            var vae = table
            vae.rows = table.rows.filter { $0.part == "vae" }.map { row in
                let name = isOriginal ? String(row.original.dropFirst("first_stage_model.".count)) : row.names[0]
                return .init(original: name, shape: row.shape, part: "vae", names: row.names)
            }
            let other = try TemporaryFolder()
            let composed = try ComposedModel(model, vae: vae.write(to: other), loras: LoRASet([]))
            #expect(composed.config.vae == (try VAEConfig(table.config("vae"))))
            _ = try VAEDecoder(config: composed.config.vae, weights: composed.vaeWeights(), device: CPUDevice())
        }
    }

    @Test("that lacks a tensor, or has one in another shape, is refused by the tensor's name")
    func damage() throws {
        var table = try CheckpointTable("sd15")
        let index = try #require(table.rows.firstIndex { $0.names == ["up_blocks.1.resnets.2.conv1.weight"] })
        table.rows[index].shape = [1280, 3]
        let path = try table.write(to: folder)
        let name = "model.diffusion_model.output_blocks.5.0.in_layers.2.weight"
        let misshapen = DiffusionError.wrongShape(
            name: name, path: path, expected: [1280, 1920, 3, 3], found: [1280, 3])
        #expect(throws: misshapen) { try unet(path) }
        table.rows.remove(at: index)
        let missing = DiffusionError.missingTensor(name: "up_blocks.1.resnets.2.conv1.weight", path: path)
        _ = try table.write(to: folder)
        #expect(throws: missing) { try unet(path) }
    }

    private func unet(_ path: String) throws -> UNet {
        let model = try Checkpoint(path: path, clipMerges: nil)
        return try UNet(config: model.config.unet, weights: model.unetWeights(), device: CPUDevice())
    }
}
