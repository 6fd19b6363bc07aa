import Testing

@testable import Diffusion

@Suite("The noise schedule")
struct NoiseScheduleTests {
    @Test("has torch's numbers: the products to the last bit, the square roots to the last but one")
    func numbers() throws {
        let golden = try Golden.open("samplers")
        let schedule = NoiseSchedule(.stableDiffusion())
        #expect(try schedule.alphaBars == golden.floats("alphas_cumprod", shape: [1000]))
        for (sigma, expected) in try zip(schedule.sigmas, golden.floats("sigmas", shape: [1000])) {
            // Torch's vectorised square root is not correctly rounded, ours is.
            #expect(abs(sigma - expected) <= expected.ulp)
        }
        let linear = NoiseSchedule(.stableDiffusion(betaSchedule: .linear))
        #expect(try linear.alphaBars == golden.floats("linear.alphas_cumprod", shape: [1000]))
    }

    @Test("finds the timestep of its own noise levels, and clamps beyond them")
    func inverse() {
        let schedule = NoiseSchedule(.stableDiffusion())
        for timestep in stride(from: 0, to: 1000, by: 37) {
            let sigma = schedule.sigma(at: Double(timestep))
            #expect(abs(schedule.timestep(ofSigma: Double(sigma)) - Double(timestep)) < 1e-3)
        }
        #expect(schedule.timestep(ofSigma: 1e-9) == 0)
        #expect(schedule.timestep(ofSigma: 1e9) == 999)
        #expect(schedule.sigma(at: 2000) == schedule.sigmas[999] && schedule.sigma(at: -5) == schedule.sigmas[0])
        #expect(schedule.sigma(at: 0.5) == (schedule.sigmas[0] + schedule.sigmas[1]) / 2)
    }
}

extension SchedulerConfig {
    /// What Stable Diffusion 1.x comes with, but for what a test varies.
    static func stableDiffusion(
        betaSchedule: BetaSchedule = .scaledLinear, spacing: TimestepSpacing = .leading, setAlphaToOne: Bool = false,
        predictionType: PredictionType = .epsilon, hasZeroTerminalSNR: Bool = false
    ) -> SchedulerConfig {
        SchedulerConfig(
            trainedTimestepCount: 1000, betaStart: 0.00085, betaEnd: 0.012, betaSchedule: betaSchedule,
            timestepSpacing: spacing, stepsOffset: 1, setAlphaToOne: setAlphaToOne,
            predictionType: predictionType, hasZeroTerminalSNR: hasZeroTerminalSNR)
    }
}
