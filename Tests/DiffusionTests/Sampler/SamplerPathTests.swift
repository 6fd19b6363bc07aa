import Foundation
import Testing

@testable import Diffusion

/// Twelve steps of every sampler with a toy network, against diffusers and k-diffusion; see `make_sampler_paths.py`.
@Suite("A sampler's path")
struct SamplerPathTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let key: String
        let settings: SamplerSettings
        var prediction = PredictionType.epsilon
        var spacing = SchedulerConfig.TimestepSpacing.leading
        var isZeroSNR = false

        var testDescription: String { key }

        var sampler: Sampler {
            get throws {
                let config = SchedulerConfig.stableDiffusion(
                    spacing: spacing, predictionType: prediction, hasZeroTerminalSNR: isZeroSNR)
                return try Sampler(settings, schedule: NoiseSchedule(config), steps: 12)
            }
        }
    }

    /// Runs all evaluations; returns the latents before and after each, of variance 1 where there is noise.
    private func run(_ sampler: Sampler) -> [[Float]] {
        var noise = sampler.makeNoise(seed: 7, source: .torchCPU)
        var latents = noise.normals(16).map { $0 * sampler.initialNoiseScale }
        var state = sampler.makeState()
        var path = [latents]
        for (index, timestep) in sampler.timesteps.enumerated() {
            let bias = 0.1 * sin(timestep / 100)
            let prediction = latents.map { tanh(0.8 * ($0 * sampler.inputScale(at: index))) + bias }
            let fresh = sampler.noise(at: index, count: 16, from: &noise)
            sampler.step(index, prediction: prediction, noise: fresh, latents: &latents, state: &state)
            path.append(latents)
        }
        return path
    }

    /// The greatest difference, relative to the greatest number of the reference.
    private func relativeDifference(_ found: [Float], _ expected: [Float]) -> Float {
        greatestDifference(found, expected) / expected.reduce(1e-9) { max($0, abs($1)) }
    }

    static let diffusersCases: [Case] = {
        var cases: [Case] = []
        let predictions = [("epsilon", PredictionType.epsilon), ("v_prediction", .velocity)]
        for kind in SamplerKind.allCases where kind != .dpmpp3mSDE {
            let isDistilled = kind == .lcm || kind == .tcd
            for spacing in SchedulerConfig.TimestepSpacing.allCases
            where !(isDistilled && spacing != .leading) && !(kind == .pndm && spacing == .linspace) {
                for (name, prediction) in predictions {
                    cases.append(
                        Case(
                            key: "diffusers/\(kind.rawValue)/\(spacing.rawValue)/\(name)",
                            settings: SamplerSettings(kind), prediction: prediction, spacing: spacing))
                }
            }
        }
        for kind in [SamplerKind.ddim, .euler, .eulerAncestral, .dpmpp2m, .dpmpp2mSDE, .unipc] {
            cases.append(
                Case(
                    key: "diffusers/\(kind.rawValue)/trailing/v_prediction/zsnr", settings: SamplerSettings(kind),
                    prediction: .velocity, spacing: .trailing, isZeroSNR: true))
        }
        for kind in [SamplerKind.ddim, .tcd] {
            cases.append(
                Case(
                    key: "diffusers/\(kind.rawValue)/leading/epsilon/eta",
                    settings: SamplerSettings(kind, eta: 0.75)))
        }
        for kind in [SamplerKind.heun, .ddim] {
            cases.append(
                Case(
                    key: "diffusers/\(kind.rawValue)/leading/sample", settings: SamplerSettings(kind),
                    prediction: .sample, spacing: kind == .ddim ? .leading : .linspace))
        }
        for layout in [NoiseLayout.karras, .exponential, .beta] {
            for kind in [
                SamplerKind.euler, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmppSDE, .dpmpp2m, .dpmpp2mSDE, .unipc,
            ] {
                cases.append(
                    Case(
                        key: "diffusers/\(kind.rawValue)-\(layout.rawValue)/leading/epsilon",
                        settings: SamplerSettings(kind, layout: layout),
                        // What diffusers' classes fall back to, here where the golden's script leaves the choice to them.
                        spacing: .linspace))
            }
        }
        return cases
    }()

    @Test("is diffusers' at every evaluation", arguments: diffusersCases)
    func diffusers(_ test: Case) throws {
        let golden = try Golden.open("sampler_paths")
        let sampler = try test.sampler
        let count = sampler.timesteps.count
        let timesteps = try golden.floats("\(test.key).timesteps", shape: [count])
        // Measured: 6.2e-5.
        #expect(greatestDifference(sampler.timesteps, timesteps) < 2e-3)
        let scale = try #require(golden.floats("\(test.key).scale", shape: [1]).first)
        #expect(abs(sampler.initialNoiseScale - scale) <= 4 * scale.ulp)
        let expected = try golden.floats("\(test.key).latents", shape: [count + 1, 16])
        let path = run(sampler)
        for index in path.indices {
            let difference = relativeDifference(path[index], Array(expected[(index * 16)..<((index + 1) * 16)]))
            #expect(difference < Self.tolerance, "evaluation \(index)")
        }
    }

    static let kDiffusionCases: [Case] = {
        var cases: [Case] = []
        for convention in [SamplingConvention.a1111, .comfyui] {
            for kind in [
                SamplerKind.euler, .eulerAncestral, .heun, .lms, .dpm2, .dpm2Ancestral, .dpmpp2m, .dpmppSDE,
                .dpmpp2mSDE,
                .dpmpp3mSDE,
            ] {
                for layout in [nil, NoiseLayout.karras, .exponential] {
                    let name = kind.rawValue + (layout.map { "-\($0.rawValue)" } ?? "")
                    let settings = SamplerSettings(kind, layout: layout, convention: convention)
                    cases.append(Case(key: "\(convention.rawValue)/\(name)/epsilon", settings: settings))
                    guard layout == nil else { continue }
                    cases.append(
                        Case(
                            key: "\(convention.rawValue)/\(name)/v_prediction", settings: settings,
                            prediction: .velocity))
                }
            }
        }
        return cases
    }()

    @Test("is k-diffusion's as A1111 and ComfyUI call it", arguments: kDiffusionCases)
    func kDiffusion(_ test: Case) throws {
        let golden = try Golden.open("sampler_paths")
        let sampler = try test.sampler
        let timesteps = try golden.floats("\(test.key).timesteps", shape: [sampler.timesteps.count])
        // A level between two steps can lie halfway between two timesteps, where the last bit decides which is told.
        #expect(greatestDifference(sampler.timesteps, timesteps) <= (test.settings.convention == .comfyui ? 1 : 2e-3))
        let expected = try golden.floats("\(test.key).latents", shape: [16])
        let difference = relativeDifference(try #require(run(sampler).last), expected)
        #expect(difference < Self.tolerance)
    }

    /// Relative. Measured: 7.3e-4 at most.
    private static let tolerance: Float = 2e-3
}
