import Foundation
import Testing

@testable import Diffusion

@Suite("What the UNet is told of a prompt")
struct TimelineTests {
    private let conditioner: TextConditioner

    init() throws {
        conditioner = try TextConditioner(model: try ModelFolder(path: Golden.model), device: try CPUDevice())
    }

    private func timeline(
        _ prompt: String, _ dialect: PromptDialect, _ emphasis: EmphasisRule? = nil, steps: Int = 10
    ) throws -> [TimedConditioning] {
        var options = RowOptions()
        options.dialect = dialect
        options.emphasis = emphasis
        return try conditioner.timeline(of: prompt, steps: steps, options: options)
    }

    private func conditioning(
        _ prompt: String, _ dialect: PromptDialect, _ emphasis: EmphasisRule? = nil
    ) throws -> Conditioning {
        try #require(timeline(prompt, dialect, emphasis).last).conditioning
    }

    @Test("without signs the dialects agree")
    func plain() throws {
        let plain = try conditioning("old man with glasses", .plain)
        #expect(try conditioning("old man with glasses", .a1111) == plain)
        #expect(try conditioning("old man with glasses", .comfyui) == plain)
        #expect(try conditioning("", .a1111) == conditioning("", .plain))
    }

    @Test("weights multiply, keep the mean or move away from the empty prompt")
    func rules() throws {
        let plain = try conditioning("old man", .plain)
        let empty = try conditioning("", .plain)
        let ignored = try conditioning("old (man:1.5)", .a1111, .ignored)
        #expect(ignored == plain)
        let multiplied = try conditioning("(old man:1.5)", .a1111, .multiplied)
        let moved = try conditioning("(old man:1.5)", .comfyui)
        let restored = try conditioning("(old man:1.5)", .a1111)
        let words = (plain.channels)..<(plain.states.count / 77 * 2)
        for index in words {
            #expect(abs(multiplied.states[index] - plain.states[index] * 1.5) < 1e-5)
            let expected = (plain.states[index] - empty.states[index]) * 1.5 + empty.states[index]
            #expect(abs(moved.states[index] - expected) < 1e-5)
        }
        #expect(
            multiplied.states[..<plain.channels] == plain.states[..<plain.channels], "the start token has no weight")
        let sum = { (states: [Float]) in states.reduce(0.0) { $0 + Double($1) } }
        #expect(abs(sum(restored.states) - sum(plain.states)) < 1e-3 * abs(sum(plain.states)) + 1e-3)
        #expect(restored != plain && restored != multiplied)
    }

    @Test("long prompts take as many windows as they need, and evened ones are of one length")
    func chunks() throws {
        let long = try conditioning(String(repeating: "old man, ", count: 40), .a1111)
        let short = try conditioning("old man", .a1111)
        #expect(long.tokenCount > 77 && long.tokenCount.isMultiple(of: 77))
        #expect(long.states.count == long.tokenCount * short.channels)
        let evened = Conditioning.evened([short, long])
        #expect(evened.map(\.tokenCount) == [long.tokenCount, long.tokenCount])
        #expect(Array(evened[0].states.suffix(short.states.count)) == short.states)
    }

    @Test("a prompt that changes is encoded for each of its texts, up to the steps that they hold for")
    func changes() throws {
        let parts = try timeline("[old man:woman:0.5] teaching", .a1111)
        #expect(parts.map(\.end) == [5, 10])
        #expect(try parts[0].conditioning == conditioning("old man teaching", .plain))
        #expect(try parts[1].conditioning == conditioning("woman teaching", .plain))
    }

    @Test("a repeated text tells the UNet what the text tells it", arguments: [1, 2])
    func repetition(times: Int) throws {
        let folder = try ModelFolder(path: Golden.model)
        let device = try CPUDevice()
        let unet = try UNet(config: folder.config.unet, weights: try folder.unetWeights(), device: device)
        let text = try conditioning("old man", .plain)
        var repeated = text
        repeated.states = Array(repeatElement(text.states, count: times).joined())
        repeated.tokenCount = 77 * times
        var noise = Noise(seed: 3)
        let input = noise.values(16 * 16 * 4)
        let outputs = try [text, repeated].map { text in
            device.download(
                try unet(
                    try device.upload(input, shape: [1, 16, 16, 4]), timestep: 500,
                    context: try unet.context(of: [text])))
        }
        // Measured: 1e-6 at most.
        #expect(greatestDifference(outputs[0], outputs[1]) < 1e-4)
    }
}
