import Foundation
import Testing

@testable import Diffusion

@Suite("A sampler")
struct SamplerTests {
    private typealias Spacing = SchedulerConfig.TimestepSpacing

    /// A sampler as `make_samplers.py` names it.
    struct Case: CustomTestStringConvertible, Sendable {
        let kind: SamplerKind
        var layout: NoiseLayout?
        let spacing: SchedulerConfig.TimestepSpacing
        var setAlphaToOne = false

        var name: String { kind.rawValue + (layout.map { "-\($0.rawValue)" } ?? "") }
        var testDescription: String { "\(name)\(setAlphaToOne ? "-one" : "").\(spacing.rawValue)" }
        var settings: SamplerSettings { SamplerSettings(kind, layout: layout) }

        var schedule: NoiseSchedule { NoiseSchedule(.stableDiffusion(spacing: spacing, setAlphaToOne: setAlphaToOne)) }
    }

    static let cases =
        [SamplerKind.ddim, .dpmpp2m, .euler, .eulerAncestral].flatMap { kind in
            SchedulerConfig.TimestepSpacing.allCases.map { spacing in Case(kind: kind, spacing: spacing) }
        } + SchedulerConfig.TimestepSpacing.allCases.map { Case(kind: .dpmpp2m, layout: .karras, spacing: $0) }
        + SchedulerConfig.TimestepSpacing.allCases.map { Case(kind: .ddim, spacing: $0, setAlphaToOne: true) }

    /// Runs all steps with the toy network of `make_samplers.py`; returns the latents before and after each step.
    private func run(_ sampler: Sampler, from start: [Float], noise: inout NoiseStream) -> [Float] {
        var latents = start
        var state = sampler.makeState()
        var path = latents
        for (index, timestep) in sampler.timesteps.enumerated() {
            let bias = 0.1 * sin(timestep / 100)
            let prediction = latents.map { latent in tanh(0.8 * (latent * sampler.inputScale(at: index))) + bias }
            let fresh = sampler.noise(at: index, count: latents.count, from: &noise)
            sampler.step(index, prediction: prediction, noise: fresh, latents: &latents, state: &state)
            path += latents
        }
        return path
    }

    @Test("has the reference's timesteps and noise levels", arguments: cases)
    func schedule(_ sampling: Case) throws {
        let golden = try Golden.open("samplers")
        let schedule = sampling.schedule
        for steps in [1, 2, 3, 6, 7, 12, 15, 20, 25, 50, 100, 499, 998]
        where steps <= 100 || sampling.spacing == .leading {
            let key = "\(sampling.testDescription).\(steps)"
            let sampler = try Sampler(sampling.settings, schedule: schedule, steps: steps)
            #expect(try sampler.timesteps == golden.floats("\(key).timesteps", shape: [steps]), "\(key)")
            let scale = try #require(golden.floats("\(key).scale", shape: [1]).first)
            // Torch's vectorised square root is not correctly rounded: measured, two units in the last place at most.
            #expect(abs(sampler.initialNoiseScale - scale) <= 2 * scale.ulp, "\(key)")
            guard golden.contains("\(key).sigmas") else { continue }
            for (sigma, expected) in try zip(sampler.sigmas, golden.floats("\(key).sigmas", shape: [steps + 1])) {
                #expect(abs(sigma - expected) <= 2 * expected.ulp, "\(key)")
            }
        }
    }

    @Test("goes the reference's way with a toy network", arguments: cases)
    func trajectory(_ sampling: Case) throws {
        let golden = try Golden.open("samplers")
        for steps in [1, 2, 6, 15, 25] {
            let sampler = try Sampler(sampling.settings, schedule: sampling.schedule, steps: steps)
            var noise = NoiseStream(seed: 7)
            let start = noise.normals(20).map { $0 * sampler.initialNoiseScale }
            let path = run(sampler, from: start, noise: &noise)
            let key = "\(sampling.testDescription).\(steps).latents"
            let expected = try golden.floats(key, shape: [steps + 1, 20])
            // Measured: 2.3e-5 at most, at latents beyond 15, where a unit in the last place is 1e-6.
            #expect(greatestDifference(path, expected) < 1e-4, "\(key)")
        }
    }

    /// A trajectory of six steps from [0.3, −1.2, 0.7, 2.0], to its last latents.
    struct Ending: Sendable {
        let settings: SamplerSettings
        let spacing: SchedulerConfig.TimestepSpacing
        let scale: Float
        let latents: [Float]
    }

    @Test(
        "ends where the reference ends",
        arguments: [
            Ending(
                settings: .init(.ddim), spacing: .leading, scale: 1, latents: [0.175877, -2.592721, 0.688237, 6.075752]),
            Ending(
                settings: .init(.euler), spacing: .leading, scale: 5.990506,
                latents: [0.171808, -2.565576, 0.673787, 6.049142]),
            Ending(
                settings: .init(.euler), spacing: .trailing, scale: 14.614647,
                latents: [0.335105, -5.358576, 1.526282, 15.49027]),
            Ending(
                settings: .init(.dpmpp2m, layout: .karras), spacing: .linspace, scale: 1,
                latents: [0.148072, -5.169216, 0.771022, 14.861965]),
            Ending(
                settings: .init(.dpmpp2m), spacing: .linspace, scale: 1,
                latents: [0.256953, -5.248141, 1.216566, 15.30537]),
        ])
    func ending(_ ending: Ending) throws {
        let schedule = NoiseSchedule(.stableDiffusion(spacing: ending.spacing))
        let sampler = try Sampler(ending.settings, schedule: schedule, steps: 6)
        #expect(abs(sampler.initialNoiseScale - ending.scale) < 1e-6)
        var noise = NoiseStream(seed: 0)
        let start = [0.3, -1.2, 0.7, 2.0].map { $0 * sampler.initialNoiseScale }
        let path = run(sampler, from: start, noise: &noise)
        // Measured: 1e-6 at most; the reference's values have six decimals.
        #expect(greatestDifference(Array(path.suffix(4)), ending.latents) < 1e-4)
    }

    @Test(
        "begins the embedded model's trajectories at the same levels and latents",
        arguments: [
            (SamplerSettings(.ddim), "ddim"), (.init(.euler), "euler"), (.init(.dpmpp2m), "dpmpp2m"),
            (.init(.dpmpp2m, layout: .karras), "dpmpp2m_karras"),
        ])
    func embeddedModel(settings: SamplerSettings, name: String) throws {
        let golden = try Golden.open("trajectory_\(name)")
        let config = try ModelFolder(path: Golden.model).config.scheduler
        let sampler = try Sampler(settings, schedule: NoiseSchedule(config), steps: 12)
        #expect(try sampler.timesteps.map(Double.init) == golden.scalars("\(name).timesteps", shape: [12]))
        if golden.contains("\(name).sigmas") {
            let sigmas: [Double] = try golden.scalars("\(name).sigmas", shape: [13])
            #expect(greatestDifference(sampler.sigmas.map(Double.init), sigmas) < 1e-6)
        }
        var noise = NoiseStream(seed: 52_794_693)
        let start = noise.normals(1024).map { $0 * sampler.initialNoiseScale }
        let latents = try golden.floats("\(name).latents", shape: [13, 4, 16, 16])
        // The tolerance of the random numbers, scaled.
        #expect(greatestDifference(start, Array(latents.prefix(1024))) < 1e-6 * sampler.initialNoiseScale)
    }

    @Test("gives finite latents with any number of steps, layout and convention", arguments: SamplerKind.allCases)
    func allStepCounts(kind: SamplerKind) throws {
        let most = kind == .lcm || kind == .tcd ? 50 : 1000
        let counts = (Array(1...40) + [332, 333, 334, 499, 500, 501, 997, 998, 999, 1000]).filter { $0 <= most }
        for convention in SamplingConvention.allCases {
            for layout in [nil] + NoiseLayout.allCases.map(Optional.some) {
                let some = layout == nil ? counts : [1, 2, 3, 10, 11, 37].filter { $0 <= most }
                for spacing in layout == nil ? Spacing.allCases : [.leading] {
                    let schedule = NoiseSchedule(.stableDiffusion(spacing: spacing))
                    for steps in some {
                        let settings = SamplerSettings(kind, layout: layout, convention: convention)
                        let sampler = try Sampler(settings, schedule: schedule, steps: steps)
                        #expect(sampler.timesteps.allSatisfy { (0...999).contains($0) })
                        var noise = sampler.makeNoise(seed: 1, source: .torchCPU)
                        let start = [0.5, -2].map { $0 * sampler.initialNoiseScale }
                        let path = run(sampler, from: start, noise: &noise)
                        let isFinite = path.allSatisfy(\.isFinite)
                        #expect(
                            isFinite,
                            "\(steps) steps, \(convention), \(layout?.rawValue ?? ""), \(spacing)")
                    }
                }
            }
        }
    }

    @Test("refuses numbers of steps that make no sense", arguments: [0, -1, 1001, .min, .max])
    func stepLimits(steps: Int) {
        let schedule = NoiseSchedule(.stableDiffusion())
        for kind in SamplerKind.allCases {
            let most = kind == .lcm || kind == .tcd ? 50 : 1000
            #expect(throws: DiffusionError.invalidSteps(steps, allowed: 1...most)) {
                try Sampler(SamplerSettings(kind), schedule: schedule, steps: steps)
            }
        }
    }

    @Test("keeps cells apart that it moves in turn", arguments: SamplerKind.allCases)
    func cells(kind: SamplerKind) throws {
        let sampler = try Sampler(SamplerSettings(kind), schedule: NoiseSchedule(.stableDiffusion()), steps: 5)
        func path(_ seed: UInt64) -> [Float] {
            var noise = NoiseStream(seed: seed)
            let start = noise.normals(16).map { $0 * sampler.initialNoiseScale }
            return Array(run(sampler, from: start, noise: &noise).suffix(16))
        }
        var noises = [NoiseStream(seed: 1), NoiseStream(seed: 2)]
        var latents = noises.indices.map { cell in noises[cell].normals(16).map { $0 * sampler.initialNoiseScale } }
        var states = [sampler.makeState(), sampler.makeState()]
        for (index, timestep) in sampler.timesteps.enumerated() {
            for cell in latents.indices {
                let bias = 0.1 * sin(timestep / 100)
                let prediction = latents[cell].map { tanh(0.8 * ($0 * sampler.inputScale(at: index))) + bias }
                let fresh = sampler.noise(at: index, count: 16, from: &noises[cell])
                sampler.step(
                    index, prediction: prediction, noise: fresh, latents: &latents[cell], state: &states[cell])
            }
        }
        #expect(latents == [path(1), path(2)])
    }
}
