import Foundation
import Testing

@testable import Diffusion

/// AutoencoderTiny with random weights against diffusers in fp32; see `make_tiny_vae.py`.
@Suite("The tiny autoencoder")
struct TinyDecoderTests {
    private let device: CPUDevice
    private let path = "\(Golden.folder)/vae-tiny"
    private let temporary: TemporaryFolder

    init() throws {
        device = try CPUDevice()
        temporary = try TemporaryFolder()
    }

    private func expectPicture(_ config: VAEConfig, _ weights: WeightSource) throws {
        let golden = try Golden.open("vae-tiny/expected")
        let latents = Layout.channelsLast(try golden.floats("vae.latents", shape: [2, 4, 5, 9]), [2, 4, 5, 9])
        let decoder = try config.decoder(LayerSource(device: device, weights: weights))
        let picture = try decoder(latents, shape: [2, 5, 9, 4], on: device)
        let expected = try golden.floats("vae.decoded", shape: [2, 3, 40, 72])
        let found = Layout.channelsFirst(device.download(picture), picture.shape)
        // Of numbers up to 3. Measured on AVX2: 1.9e-6.
        #expect(greatestDifference(found, expected) < 1e-5)
    }

    /// The decoder's file with other names.
    private func renamed(_ rename: (String) -> String?) throws -> String {
        let file = try SafetensorsFile(path: "\(path)/taesd_decoder.safetensors")
        let tensors = try file.names.compactMap { name in
            try rename(name).map {
                (name: $0, shape: try #require(file.shape(of: name)), values: try values(name, file))
            }
        }
        return try temporary.write(safetensorsBytes(tensors), to: "renamed.safetensors")
    }

    private func values(_ name: String, _ file: SafetensorsFile) throws -> [Float] {
        try file.floats(name, shape: try #require(file.shape(of: name)))
    }

    private func composed(_ vae: String) throws -> ComposedModel {
        try ComposedModel(ModelFolder(path: "\(Golden.folder)/random-sd15"), vae: vae, loras: LoRASet([]))
    }

    @Test("decodes as diffusers does, from a model's folder")
    func folder() throws {
        let config = try VAEConfig(path: "\(path)/config.json")
        #expect(config.tinyBlockCounts == [2, 1, 1, 1] && config.upscaling == 8 && config.scalingFactor == 1)
        try expectPicture(config, WeightSource(part: path))
    }

    @Test(
        "decodes as diffusers does from one file, in its names and in the original's",
        arguments: ["diffusion_pytorch_model", "taesd_decoder"])
    func file(name: String) throws {
        let model = try composed("\(path)/\(name).safetensors")
        try model.check()
        try expectPicture(model.config.vae, model.vaeWeights())
    }

    @Test("is known beside its encoder, too", arguments: ["decoder.", "taesd_decoder."])
    func prefix(_ prefix: String) throws {
        let model = try composed(renamed { "\(prefix)\($0)" })
        try expectPicture(model.config.vae, model.vaeWeights())
    }

    @Test("is refused with the names of tensors that it lacks, and where it is the encoder alone")
    func refusals() throws {
        let model = try composed(renamed { $0 == "10.conv.2.bias" ? nil : $0 })
        let error = #expect(throws: DiffusionError.self) { try model.check() }
        #expect(try #require(error).description.contains("1 missing (decoder.layers.9.conv.2.bias)"))
        let encoder = "\(path)/taesd_encoder.safetensors"
        #expect(
            throws: DiffusionError.unsuitableModel(
                path: encoder, problem: "is the encoder of TAESD; name the file of its decoder")
        ) { try composed(encoder) }
        let alone = "\(path)/taesd_decoder.safetensors"
        #expect(
            throws: DiffusionError.unsuitableModel(
                path: alone, problem: "is an autoencoder without a model; name it under vae: beside a model")
        ) { try Checkpoint(path: alone, clipMerges: nil) }
    }

    @Test("takes the place of a model's own")
    func pictures() throws {
        let row = RowRequest(
            prompt: "a", negativePrompt: "", guidances: [5], seed: 1, steps: 2, sampler: SamplerSettings(.euler),
            width: 64, height: 96)
        let base = try ModelFolder(path: "\(Golden.folder)/random-sd15")
        let tiny = try ComposedModel(base, vae: "\(path)/taesd_decoder.safetensors", loras: LoRASet([]))
        let models: [any ModelFiles] = [base, tiny]
        let pictures = try models.map { model in
            var found: [[UInt8]] = []
            try Pipeline(model: model, device: device).render(row) { found.append($0.pixels) }
            return found[0]
        }
        #expect(pictures.allSatisfy { $0.count == 64 * 96 * 3 })
        #expect(pictures[0] != pictures[1])
    }

    @Test("of a model gives its place to a large one, whose latents are scaled as in the model's family")
    func replaced() throws {
        for part in ["model_index.json", "scheduler", "text_encoder", "tokenizer", "unet"] {
            try temporary.copy("\(Golden.folder)/random-sd15/\(part)")
        }
        for name in ["config.json", "diffusion_pytorch_model.safetensors"] {
            try temporary.write(Data(contentsOf: URL(filePath: "\(path)/\(name)")), to: "vae/\(name)")
        }
        let base = try ModelFolder(path: temporary.path)
        try base.check()
        #expect(base.config.vae.tinyBlockCounts != nil)
        var table = try CheckpointTable("sd15")
        table.rows = table.rows.filter { $0.part == "vae" }
        let other = try TemporaryFolder()
        let composed = try ComposedModel(base, vae: table.write(to: other), loras: LoRASet([]))
        try composed.check()
        #expect(composed.config.vae.tinyBlockCounts == nil && composed.config.vae.scalingFactor == 0.18215)
    }
}
