import Testing

@testable import Diffusion

/// Weights on random encodings, against torch: the "Original" and "No norm" rules of A1111's `modules/sd_emphasis.py`, and that
/// of ComfyUI's `comfy/sd1_clip.py`; see `make_schedules.py`.
@Suite("The weights of tokens")
struct EmphasisTests {
    private func floats(_ name: String) throws -> [Float] {
        try Golden.open("schedules").floats("emphasis.\(name)", shape: name == "weights" ? [77] : [77, 8])
    }

    @Test(
        "change an encoding as in the programs that they come from",
        arguments: [EmphasisRule.multiplied, .restoredMean, .fromEmpty])
    func rules(rule: EmphasisRule) throws {
        var text = Conditioning(states: try floats("states"), tokenCount: 77)
        let empty = Conditioning(states: try floats("empty"), tokenCount: 77)
        text.emphasize(try floats("weights"), rule, empty: rule == .fromEmpty ? empty : nil, widths: [8])
        // Numbers up to 5; torch takes the means in single precision. Measured: 4.8e-7.
        #expect(greatestDifference(text.states, try floats(rule.rawValue)) < 1e-5)
    }

    @Test("keep the mean of each text encoder for itself, as A1111's two encoders of Stable Diffusion XL do")
    func twoEncoders() throws {
        let (first, second) = (try floats("states"), try floats("empty"))
        let pair: [Float] = (0..<77).flatMap { token -> [Float] in
            let channels = (token * 8)..<((token + 1) * 8)
            return Array(first[channels]) + Array(second[channels])
        }
        var text = Conditioning(states: pair, tokenCount: 77)
        text.emphasize(try floats("weights"), .restoredMean, empty: nil, widths: [8, 8])
        var other = Conditioning(states: second, tokenCount: 77)
        other.emphasize(try floats("weights"), .restoredMean, empty: nil, widths: [8])
        let (expected, found) = (try floats("restored-mean"), text.states)
        for token in 0..<77 {
            for channel in 0..<8 {
                #expect(abs(found[token * 16 + channel] - expected[token * 8 + channel]) < 1e-5)
                #expect(found[token * 16 + 8 + channel] == other.states[token * 8 + channel])
            }
        }
    }
}
