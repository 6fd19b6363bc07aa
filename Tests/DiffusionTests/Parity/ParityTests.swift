import Foundation
import Testing

@testable import Diffusion

/// Models of true size against diffusers in fp32; `Benchmarks/parity/run` makes them and calls this, since they take minutes
/// and many gigabytes.
@Suite("At true size", .enabled(if: ParityModel.folder != nil))
struct ParityTests {
    @Test("text, UNet, decoder and a picture are diffusers', the picture with at least 60 dB")
    func parity() throws {
        let path = try #require(ParityModel.folder)
        let golden = try SafetensorsFile(path: "\(path)/expected.safetensors")
        let model = try ModelFolder(path: path)
        let device = try CPUDevice()
        let text = try conditioning(model, golden, device)
        let latents = Layout.channelsLast(try golden.floats("vae.latents", shape: [1, 4, 32, 32]), [1, 4, 32, 32])
        do {
            let unet = try UNet(config: model.config.unet, weights: try model.unetWeights(), device: device)
            let output = try unet(
                try device.upload(latents, shape: [1, 32, 32, 4]), timestep: 481, context: try unet.context(of: [text]))
            let expected = try golden.floats("unet.output", shape: [1, 4, 32, 32])
            report("UNet", Layout.channelsFirst(device.download(output), output.shape), expected)
        }
        do {
            let decoder = try VAEDecoder(config: model.config.vae, weights: try model.vaeWeights(), device: device)
            let picture = try decoder(latents, shape: [1, 32, 32, 4], on: device)
            let expected = try golden.floats("vae.decoded", shape: [1, 3, 256, 256])
            report("decoder", Layout.channelsFirst(device.download(picture), picture.shape), expected)
        }
        let expected: [UInt8] = try golden.scalars("picture", shape: [256, 256, 3])
        let found = try picture(model, device)
        try #require(found.count == expected.count)
        let differences = zip(found, expected).map { Double($0) - Double($1) }
        let meanSquare = differences.reduce(0) { $0 + $1 * $1 } / Double(differences.count)
        let decibels = 10 * log10(255 * 255 / max(meanSquare, .leastNormalMagnitude))
        print(
            "picture: max \(differences.map(abs).max() ?? 0) of 255 levels,",
            meanSquare == 0 ? "equal" : String(format: "PSNR %.1f dB", decibels))
        #expect(decibels >= 60)
        print(
            "memory: peak \(Self.peakMegabytes) MB, foreseen \(try model.memory(width: 256, height: 256).total / 1_000_000) MB"
        )
    }

    private func conditioning(
        _ model: ModelFolder, _ golden: SafetensorsFile, _ device: CPUDevice
    ) throws -> Conditioning {
        let conditioner = try TextConditioner(model: model, device: device)
        let text = try #require(
            try conditioner(["young woman with short red hair teaching math at a blackboard"]).first)
        let expected = try golden.floats("text.output", shape: [77, model.config.contextDim])
        report("text", text.states, expected)
        if let width = model.config.unet.addedCondition?.pooledDim {
            report("pooled text", text.pooled, try golden.floats("text.pooled", shape: [width]))
        }
        return text.sized(SizeCondition(width: 256, height: 256))
    }

    private func picture(_ model: ModelFolder, _ device: CPUDevice) throws -> [UInt8] {
        let pipeline = try Pipeline(model: model, device: device)
        let row = RowRequest(
            prompt: "young woman with short red hair teaching math at a blackboard", negativePrompt: "bangs curls",
            guidances: [7.5], seed: 7, steps: 4, sampler: SamplerSettings(.euler), width: 256, height: 256)
        var pixels: [UInt8] = []
        try pipeline.render(row) { pixels = $0.pixels }
        return pixels
    }

    /// Prints how far `found` is from `expected`, which are some units large.
    private func report(_ name: String, _ found: [Float], _ expected: [Float]) {
        let difference = greatestDifference(found, expected)
        let scale = expected.map(abs).max() ?? 0
        print("\(name): max difference \(difference) of values up to \(scale)")
        #expect(difference < 1e-3 * max(scale, 1))
    }

    /// The most memory that this process has had.
    private static var peakMegabytes: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024 / 1_000_000
    }
}

private enum ParityModel {
    /// A folder of `Benchmarks/parity/make_model.py`.
    static let folder = ProcessInfo.processInfo.environment["TMDNE_PARITY"]
}
