import Foundation
import Testing

@testable import Diffusion

/// Schedules against their published definitions; see `make_schedules.py`, which says where these stand.
@Suite("A schedule")
struct ScheduleTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let convention: SamplingConvention
        let layout: NoiseLayout
        var isXL = false

        var name: String { layout.rawValue + (isXL ? "-xl" : "") }
        var testDescription: String { "\(convention.rawValue)/\(name)" }

        func sampler(_ kind: SamplerKind = .euler, steps: Int) throws -> Sampler {
            try Sampler(
                SamplerSettings(kind, layout: layout, convention: convention),
                schedule: NoiseSchedule(.stableDiffusion()), steps: steps, isXL: isXL)
        }
    }

    static let cases: [Case] = [SamplingConvention.a1111, .comfyui].flatMap { convention in
        [NoiseLayout.simple, .sgmUniform, .beta].map { Case(convention: convention, layout: $0) }
            + [false, true].map { Case(convention: convention, layout: .ays, isXL: $0) }
    }

    @Test("has the levels and timesteps of its definition", arguments: cases)
    func levels(_ test: Case) throws {
        let golden = try Golden.open("schedules")
        // One step of Align Your Steps would begin at the least level in A1111, and so make nothing; it is not followed there.
        let isAligned = test.convention == .a1111 && test.layout == .ays
        for steps in [1, 2, 3, 7, 10, 11, 12, 20, 37] where !(isAligned && steps == 1) {
            try expect(test, steps: steps, in: golden)
        }
    }

    @Test("of Align Your Steps is what diffusers makes of its authors' levels", arguments: [false, true])
    func aligned(isXL: Bool) throws {
        try expect(
            Case(convention: .diffusers, layout: .ays, isXL: isXL), steps: 10, in: try Golden.open("schedules"))
    }

    private func expect(_ test: Case, steps: Int, in golden: SafetensorsFile) throws {
        let key = "\(test.testDescription)/\(steps)"
        let sampler = try test.sampler(steps: steps)
        let count = try #require(golden.shape(of: "\(key).sigmas")?.first)
        try #require(sampler.timesteps.count == count, "\(key)")
        let sigmas = try golden.floats("\(key).sigmas", shape: [count])
        for (found, expected) in zip(sampler.sigmas, sigmas) {
            // Single precision in another order.
            #expect(abs(found - expected) <= 2e-6 * expected, "\(key)")
        }
        let timesteps = try golden.floats("\(key).timesteps", shape: [count])
        // ComfyUI rounds; every other of 20 evenly spaced timesteps lies halfway, where the last bit decides. Else 6.2e-5 measured.
        let isHalfway = test.convention == .comfyui && test.layout == .sgmUniform
        #expect(greatestDifference(sampler.timesteps, timesteps) <= (isHalfway ? 1 : 2e-3), "\(key)")
    }

    @Test("every so many levels are diffusers' trailing timesteps, where the steps divide those that were trained")
    func trailing() throws {
        for steps in [1, 2, 4, 5, 8, 10, 20, 25, 40, 50, 100] {
            let simple = try Case(convention: .diffusers, layout: .simple).sampler(steps: steps)
            let trailing = try Sampler(
                SamplerSettings(.euler), schedule: NoiseSchedule(.stableDiffusion(spacing: .trailing)), steps: steps)
            #expect(simple.timesteps == trailing.timesteps && simple.sigmas == trailing.sigmas)
        }
    }

    @Test("leads k-diffusion's samplers where it leads ours", arguments: cases, [SamplerKind.euler, .dpmpp2m, .heun])
    func paths(_ test: Case, kind: SamplerKind) throws {
        let key = "\(test.convention.rawValue)/\(kind.rawValue)-\(test.name).latents"
        let expected = try Golden.open("schedules").floats(key, shape: [16])
        let sampler = try test.sampler(kind, steps: 12)
        var noise = sampler.makeNoise(seed: 7, source: .torchCPU)
        var latents = noise.normals(16).map { $0 * sampler.initialNoiseScale }
        var state = sampler.makeState()
        for (index, timestep) in sampler.timesteps.enumerated() {
            let bias = 0.1 * sin(timestep / 100)
            let prediction = latents.map { tanh(0.8 * ($0 * sampler.inputScale(at: index))) + bias }
            sampler.step(index, prediction: prediction, noise: [], latents: &latents, state: &state)
        }
        // Measured: 4.3e-6 of the greatest.
        #expect(greatestDifference(latents, expected) < 1e-4 * expected.reduce(0) { max($0, abs($1)) })
    }
}
