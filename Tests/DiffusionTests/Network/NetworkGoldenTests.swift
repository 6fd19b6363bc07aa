import Diffusion
import Testing

/// The networks of the embedded model against what diffusers and transformers computed in fp32 from the same weights.
///
/// The tolerance, 1e-4, is what single precision leaves after some hundred operations in another order. Greatest differences
/// measured with oneDNN 2.6.3 on a processor with AMX: text encoder 8.9e-6, UNet 2.7e-6, decoder 3.7e-6; AVX2 was as near with
/// earlier weights.
@Suite struct NetworkGoldenTests {
    private let folder: ModelFolder
    private let device: CPUDevice

    init() throws {
        folder = try ModelFolder(path: Golden.model)
        device = try CPUDevice()
    }

    @Test("the text encoder's last hidden state is transformers'", arguments: [0, 8])
    func textEncoder(prompt: Int) throws {
        let encoder = try TextEncoder(
            config: folder.config.textEncoders[0], weights: try folder.textEncoderWeights()[0], device: device)
        let ids = try Golden.open("tokens").int32s("tokens.\(prompt)", shape: [77])
        let expected = try Golden.open("text").floats("text.last_hidden_state.\(prompt)", shape: [1, 77, 128])
        let found = device.download(try encoder([ids]).states)
        #expect(greatestDifference(found, expected) < 1e-4)
    }

    @Test("one UNet evaluation is diffusers'")
    func unet() throws {
        let golden = try Golden.open("unet")
        let unet = try UNet(config: folder.config.unet, weights: try folder.unetWeights(), device: device)
        let sample = Layout.channelsLast(try golden.floats("unet.sample", shape: [1, 4, 16, 16]), [1, 4, 16, 16])
        let text = Conditioning(states: try golden.floats("unet.context", shape: [1, 77, 128]), tokenCount: 77)
        let output = try unet(
            try device.upload(sample, shape: [1, 16, 16, 4]), timestep: 481, context: try unet.context(of: [text]))
        let expected = try golden.floats("unet.output", shape: [1, 4, 16, 16])
        #expect(greatestDifference(Layout.channelsFirst(device.download(output), output.shape), expected) < 1e-4)
    }

    @Test("the decoded picture is diffusers'")
    func decoder() throws {
        let golden = try Golden.open("vae")
        let decoder = try VAEDecoder(config: folder.config.vae, weights: try folder.vaeWeights(), device: device)
        let latents = Layout.channelsLast(try golden.floats("vae.latents", shape: [1, 4, 16, 16]), [1, 4, 16, 16])
        let picture = try decoder(latents, shape: [1, 16, 16, 4], on: device)
        #expect(picture.shape == [1, 128, 128, 3])
        let expected = try golden.floats("vae.decoded", shape: [1, 3, 128, 128])
        #expect(greatestDifference(Layout.channelsFirst(device.download(picture), picture.shape), expected) < 1e-4)
    }
}
