import Testing

@testable import Diffusion

@Suite("What previews are made of")
struct PreviewValueTests {
    private let start = SuspendingClock.now

    @Test("the first comes after the pause, the next ones after as much rendering as keeps their share small")
    func pace() {
        var pace = PreviewPace(pause: .seconds(2), factor: 32)
        pace.begin(at: start)
        var due = [1.9, 2].map { pace.isDue(at: start + .seconds($0)) }
        #expect(due == [false, true])
        pace.made(from: start + .seconds(2), to: start + .seconds(2.5))
        // 32 times half a second.
        due = [18.4, 18.5].map { pace.isDue(at: start + .seconds($0)) }
        #expect(due == [false, true])
        pace.made(from: start + .seconds(18.5), to: start + .seconds(18.51))
        due = [20.5, 20.51].map { pace.isDue(at: start + .seconds($0)) }
        #expect(due == [false, true])
    }

    @Test("time in which nothing is rendered does not count")
    func rest() {
        var pace = PreviewPace(pause: .seconds(2), factor: 32)
        pace.begin(at: start)
        let before = pace.isDue(at: start + .seconds(1))
        pace.begin(at: start + .seconds(100))
        let after = [100.9, 101].map { pace.isDue(at: start + .seconds($0)) }
        #expect(!before && after == [false, true])
    }

    @Test("previews of any length take at most a thirty-third of the time", arguments: [0.001, 0.05, 0.2, 3])
    func share(seconds: Double) {
        var pace = PreviewPace()
        var (now, previews, count) = (start, Duration.zero, 0)
        pace.begin(at: now)
        while start.duration(to: now) < .seconds(1000) {
            now += .seconds(0.1)
            guard pace.isDue(at: now) else { continue }
            let end = now + .seconds(seconds)
            previews += now.duration(to: end)
            pace.made(from: now, to: end)
            (now, count) = (end, count + 1)
        }
        let elapsed = start.duration(to: now)
        #expect(count > 0 && count <= 500)
        #expect(previews * 33 <= elapsed + .seconds(33 * seconds))
    }

    @Test("a picture is the mean of squares, no larger than a tile, of any proportion")
    func picture() throws {
        let small = try #require(PreviewPicture([-1, 0, 1, 1, 1, 1], width: 2, height: 1))
        #expect(small.width == 2 && small.height == 1 && small.pixels == [0, 127, 255, 255, 255, 255])
        // Columns of black and white become grey.
        let stripes = (0..<256 * 200).flatMap { index in [Float](repeating: index % 2 == 0 ? -1 : 1, count: 3) }
        let grey = try #require(PreviewPicture(stripes, width: 256, height: 200))
        #expect(grey.width == 128 && grey.height == 100 && grey.pixels.allSatisfy { $0 == 127 })
        let long = try #require(PreviewPicture(Array(repeating: 3, count: 4096 * 8 * 3), width: 4096, height: 8))
        #expect(long.width == 128 && long.height == 1 && long.pixels.allSatisfy { $0 == 255 })
    }

    @Test("numbers that are none, and sides that are none, make no picture")
    func noPicture() {
        #expect(PreviewPicture([0, .nan, 0], width: 1, height: 1) == nil)
        #expect(PreviewPicture([0, .infinity, 0], width: 1, height: 1) == nil)
        #expect(PreviewPicture([], width: 0, height: 0) == nil)
        #expect(PreviewPicture([0, 0], width: 1, height: 1) == nil)
    }

    @Test("every sampler takes a prediction for the image that it means", arguments: SamplerKind.allCases)
    func image(kind: SamplerKind) throws {
        let schedule = NoiseSchedule(.stableDiffusion())
        let sampler = try Sampler(SamplerSettings(kind), schedule: schedule, steps: 4)
        let image: [Float] = [0.5, -1.25, 2]
        let noise: [Float] = [-0.3, 0.8, 1.1]
        for index in sampler.timesteps.indices {
            // alpha² (1 + ratio²) is the square of what the UNet wants the latents divided by.
            let ratio = Float(sampler.sigma(at: index))
            let alpha = 1 / sampler.inputScale(at: index) / (1 + ratio * ratio).squareRoot()
            let latents = zip(image, noise).map { alpha * ($0 + ratio * $1) }
            let found = sampler.image(at: index, prediction: noise, latents: latents)
            // Of latents up to 20; single precision.
            for (found, expected) in zip(found, image) { #expect(abs(found - expected) < 1e-4) }
        }
    }
}
