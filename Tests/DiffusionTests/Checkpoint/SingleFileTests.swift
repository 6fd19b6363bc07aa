import Testing

@testable import Diffusion

/// Small checkpoints with random weights against what diffusers computes once it has converted them; see `make_single_files.py`.
///
/// The tolerance is that of ``FamilyTests``. Greatest differences measured on AVX2, of numbers up to 6: texts 1.1e-6, pooled ones
/// 7.2e-7, UNets 4.5e-6, decoder 5.1e-6.
@Suite("A small checkpoint in one file")
struct SingleFileTests {
    static let families = ["sd1", "sd2", "sdxl"]

    private static let tolerance: Float = 3e-5

    private let device: CPUDevice

    init() throws { device = try CPUDevice() }

    private func model(_ family: String) throws -> (Checkpoint, golden: SafetensorsFile) {
        let model = try Checkpoint(path: "\(Golden.folder)/single-files/\(family).safetensors", clipMerges: nil)
        return (model, try Golden.open("single-files/\(family).expected"))
    }

    @Test("is known for what it is", arguments: families)
    func family(family: String) throws {
        let (model, _) = try model(family)
        // The width of the second family's texts is its mark, and these are small.
        #expect((model.config.family == .stableDiffusionXL) == (family == "sdxl"))
        #expect(model.config.scheduler.predictionType == (family == "sd2" ? .velocity : .epsilon))
        #expect(model.config.textEncoders.map(\.layerCount) == (family == "sdxl" ? [2, 2] : [2]))
    }

    @Test("has diffusers' texts", arguments: families)
    func texts(family: String) throws {
        let (model, golden) = try model(family)
        let ids = try golden.int32s("text.ids", shape: [2, 77])
        let sequences = [Array(ids[..<77]), Array(ids[77...])]
        let encoders = try zip(model.config.textEncoders, model.textEncoderWeights()).map { config, weights in
            try TextEncoder(config: config, weights: weights, device: device)
        }
        let encodings = try encoders.map { try $0(sequences) }
        let width = 32 * encoders.count
        let states = encodings.map { device.download($0.states) }
        let found = (0..<2 * 77).flatMap { token in states.flatMap { $0[(token * 32)..<((token + 1) * 32)] } }
        #expect(greatestDifference(found, try golden.floats("text.output", shape: [2, 77, width])) < Self.tolerance)
        guard family == "sdxl" else { return }
        let pooled = try golden.floats("text.pooled", shape: [2, 32])
        #expect(greatestDifference(encodings[1].pooled.flatMap(\.self), pooled) < Self.tolerance)
    }

    @Test("has diffusers' UNet", arguments: families)
    func unet(family: String) throws {
        let (model, golden) = try model(family)
        let isXL = family == "sdxl"
        let width = isXL ? 64 : 32
        let states = try golden.floats("text.output", shape: [2, 77, width])
        let pooled = isXL ? try golden.floats("text.pooled", shape: [2, 32]) : []
        let texts = [SizeCondition.first, .second].enumerated().map { index, size in
            Conditioning(
                states: Array(states[(index * 77 * width)..<((index + 1) * 77 * width)]), tokenCount: 77,
                pooled: Array(pooled.dropFirst(index * 32).prefix(32)), size: size)
        }
        let unet = try UNet(config: model.config.unet, weights: model.unetWeights(), device: device)
        let sample = Layout.channelsLast(try golden.floats("unet.sample", shape: [2, 4, 8, 12]), [2, 4, 8, 12])
        let output = try unet(
            try device.upload(sample, shape: [2, 8, 12, 4]), timestep: 481, context: try unet.context(of: texts))
        let expected = try golden.floats("unet.output", shape: [2, 4, 8, 12])
        #expect(
            greatestDifference(Layout.channelsFirst(device.download(output), output.shape), expected) < Self.tolerance)
    }

    @Test("has diffusers' decoder, where it has one")
    func decoder() throws {
        let (model, golden) = try model("sd1")
        let decoder = try VAEDecoder(config: model.config.vae, weights: try model.vaeWeights(), device: device)
        let latents = Layout.channelsLast(try golden.floats("vae.latents", shape: [1, 4, 5, 9]), [1, 4, 5, 9])
        let picture = try decoder(latents, shape: [1, 5, 9, 4], on: device)
        let expected = try golden.floats("vae.decoded", shape: [1, 3, 40, 72])
        #expect(
            greatestDifference(Layout.channelsFirst(device.download(picture), picture.shape), expected) < Self.tolerance
        )
        #expect(throws: DiffusionError.self) { try self.model("sd2").0.vaeWeights() }
    }
}

extension SizeCondition {
    /// The sizes that `make_families.py` tells Stable Diffusion XL of.
    fileprivate static var first: SizeCondition {
        var size = SizeCondition(width: 640, height: 512)
        (size.originalWidth, size.originalHeight, size.cropLeft) = (768, 1024, 64)
        return size
    }

    fileprivate static var second: SizeCondition {
        var size = SizeCondition(width: 320, height: 256)
        size.cropTop = 16
        return size
    }
}
