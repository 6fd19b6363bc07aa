import Foundation
import Testing

@testable import Diffusion

/// Twelve steps of each sampler on the embedded model, with guidance 7.5, against diffusers in fp32.
@Suite struct TrajectoryTests {
    struct Case: CustomTestStringConvertible {
        var settings: SamplerSettings
        var golden: String
        var testDescription: String { golden }
    }

    static let cases = [
        Case(settings: .init(.ddim), golden: "ddim"), Case(settings: .init(.euler), golden: "euler"),
        Case(settings: .init(.eulerAncestral), golden: "euler_a"),
        Case(settings: .init(.dpmpp2m), golden: "dpmpp2m"),
        Case(settings: .init(.dpmpp2m, layout: .karras), golden: "dpmpp2m_karras"),
    ]
    static let positive =
        "cinematic photo young woman with short red hair in graduated bob style teaching math at a blackboard . "
        + "35mm photograph, film, bokeh, professional, 4k, highly detailed"
    static let negative =
        "bangs curls, drawing, painting, crayon, sketch, graphite, impressionist, noisy, blurry, soft, deformed, ugly"

    private let folder: ModelFolder
    private let device: CPUDevice

    init() throws {
        folder = try ModelFolder(path: Golden.model)
        device = try CPUDevice()
    }

    /// Guidance multiplies the networks' differences by 7.5 at each of twelve steps. Greatest differences measured on
    /// a processor with AMX, which oneDNN uses AVX-512 of in single precision: 2.4e-5 with `ddim`, 7.9e-5 `euler`, 1.3e-4
    /// `euler_a`, 2.1e-5 `dpmpp2m`, 2.3e-4 `dpmpp2m_karras`. The tolerance leaves room for processors that add in another
    /// order, and for steps that make a difference two to four times as great, as some do.
    @Test("the latents after every step are diffusers'", arguments: cases)
    func trajectory(_ test: Case) throws {
        let golden = try Golden.open("trajectory_\(test.golden)")
        let shape = LatentShape(channels: 4, height: 16, width: 16)
        let expected = try golden.floats("\(test.golden).latents", shape: [13, 4, 16, 16])
        let unet = try UNet(config: folder.config.unet, weights: try folder.unetWeights(), device: device)
        let states = try Golden.open("text").floats("text.sweep", shape: [2, 77, 128])
        let texts = [states[..<(77 * 128)], states[(77 * 128)...]].map {
            Conditioning(states: Array($0), tokenCount: 77)
        }
        let context = try unet.context(of: texts)
        let sampler = try Sampler(test.settings, schedule: NoiseSchedule(folder.config.scheduler), steps: 12)
        var stream = sampler.makeNoise(seed: 52_794_693, source: .torchCPU)
        let noise = stream.normals(shape.count).map { $0 * sampler.initialNoiseScale }
        var cell = CellInProgress(guidance: 7.5, rescale: 0, latents: noise, state: sampler.makeState())
        var latents = [cell.latents]
        for step in sampler.timesteps.indices {
            let one = shape.channelsLast(cell.latents, scale: sampler.inputScale(at: step))
            let input = try device.upload(one + one, shape: [2, 16, 16, 4])
            let output = device.download(try unet(input, timestep: sampler.timesteps[step], context: context))
            cell.advance(
                step, sampler: sampler, positive: shape.channelsFirst(output[shape.count...]),
                negative: shape.channelsFirst(output[..<shape.count]),
                noise: sampler.noise(at: step, count: shape.count, from: &stream))
            latents.append(cell.latents)
        }
        #expect(greatestDifference(latents.flatMap { $0 }, expected) < 2e-3)
    }

    /// One level at most was measured, with each of the samplers.
    @Test("the finished picture is diffusers' within two of 255 levels", arguments: cases)
    func picture(_ test: Case) throws {
        let golden = try Golden.open("trajectory_\(test.golden)")
        let expected: [UInt8] = try golden.scalars("\(test.golden).image", shape: [128, 128, 3])
        let pipeline = try Pipeline(model: folder, device: device)
        let row = RowRequest(
            prompt: Self.positive, negativePrompt: Self.negative, guidances: [7.5], seed: 52_794_693, steps: 12,
            sampler: test.settings, width: 128, height: 128)
        var pictures: [RenderedImage] = []
        try pipeline.render(row) { pictures.append($0) }
        let found = try #require(pictures.first)
        #expect(pictures.count == 1 && found.width == 128 && found.height == 128)
        #expect(zip(found.pixels, expected).allSatisfy { abs(Int($0) - Int($1)) <= 2 })
        #expect(found.pixels.count == expected.count)
    }
}
