import Diffusion
import Testing

/// A picture's numbers must not depend on its neighbours in the batch: sharing work between cells rests on that.
@Suite struct BatchInvarianceTests {
    @Test(
        "a UNet evaluation gives the same bits alone and in any batch", arguments: [2, 3, 5, 8, 14], Precision.allCases)
    func unet(batch: Int, precision: Precision) throws {
        let folder = try ModelFolder(path: Golden.model)
        let device = try CPUDevice(precision: precision)
        let unet = try UNet(config: folder.config.unet, weights: try folder.unetWeights(), device: device)
        var noise = Noise(seed: 3)
        let context = try unet.context(of: [Conditioning(states: noise.values(77 * 128), tokenCount: 77)])
        let one = 16 * 16 * 4
        let latents = noise.values(batch * one)
        let together = device.download(
            try unet(try device.upload(latents, shape: [batch, 16, 16, 4]), timestep: 500, context: context))
        for image in 0..<batch {
            let range = (image * one)..<((image + 1) * one)
            let alone = device.download(
                try unet(
                    try device.upload(Array(latents[range]), shape: [1, 16, 16, 4]), timestep: 500, context: context))
            #expect(alone == Array(together[range]))
        }
    }
}
