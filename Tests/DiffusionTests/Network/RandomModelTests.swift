import Diffusion
import Testing

/// Models of SD 1.5's structure with random weights, against diffusers and transformers in fp32: what the configs decide.
///
/// The tolerance is that of ``NetworkGoldenTests``, of numbers that are about as large. Greatest differences measured on AVX-512
/// and on AVX2: text encoder 1.1e-6 and 1.1e-6, UNet 6.6e-6 and 4.8e-6, decoder 4.3e-6 and 6.2e-6.
@Suite struct RandomModelTests {
    static let models = ["random-sd15", "random-linear"]

    private let device: CPUDevice

    init() throws { device = try CPUDevice() }

    @Test("the text encoder agrees", arguments: models)
    func textEncoder(model: String) throws {
        let folder = try ModelFolder(path: "\(Golden.folder)/\(model)")
        let golden = try Golden.open("\(model)/expected")
        let ids = try golden.int32s("text.ids", shape: [2, 77])
        let encoder = try TextEncoder(
            config: folder.config.textEncoders[0], weights: try folder.textEncoderWeights()[0], device: device)
        let found = device.download(try encoder([Array(ids[..<77]), Array(ids[77...])]).states)
        #expect(greatestDifference(found, try golden.floats("text.output", shape: [2, 77, 32])) < 1e-4)
    }

    @Test(
        "the UNet agrees, also where the downsamplings leave a remainder", arguments: models,
        [("even", [2, 4, 16, 24]), ("odd", [2, 4, 15, 18])])
    func unet(model: String, size: (name: String, shape: [Int])) throws {
        let folder = try ModelFolder(path: "\(Golden.folder)/\(model)")
        let golden = try Golden.open("\(model)/expected")
        let unet = try UNet(config: folder.config.unet, weights: try folder.unetWeights(), device: device)
        let states = try golden.floats("text.output", shape: [2, 77, 32])
        let texts = [states[..<(77 * 32)], states[(77 * 32)...]].map {
            Conditioning(states: Array($0), tokenCount: 77)
        }
        let sample = try golden.floats("unet.\(size.name).sample", shape: size.shape)
        let timestep: [Int64] = try golden.scalars("unet.timestep", shape: [1])
        let input = try device.upload(
            Layout.channelsLast(sample, size.shape), shape: [2, size.shape[2], size.shape[3], 4])
        let output = try unet(input, timestep: Float(timestep[0]), context: try unet.context(of: texts))
        let expected = try golden.floats("unet.\(size.name).output", shape: size.shape)
        #expect(greatestDifference(Layout.channelsFirst(device.download(output), output.shape), expected) < 1e-4)
    }

    @Test("the decoder agrees", arguments: models)
    func decoder(model: String) throws {
        let folder = try ModelFolder(path: "\(Golden.folder)/\(model)")
        let golden = try Golden.open("\(model)/expected")
        let decoder = try VAEDecoder(config: folder.config.vae, weights: try folder.vaeWeights(), device: device)
        let latents = try golden.floats("vae.latents", shape: [1, 4, 5, 9])
        let picture = try decoder(Layout.channelsLast(latents, [1, 4, 5, 9]), shape: [1, 5, 9, 4], on: device)
        let expected = try golden.floats("vae.decoded", shape: [1, 3, 40, 72])
        #expect(greatestDifference(Layout.channelsFirst(device.download(picture), picture.shape), expected) < 1e-4)
    }
}
