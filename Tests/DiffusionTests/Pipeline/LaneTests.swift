import CKernels
import Synchronization
import Testing

@testable import Diffusion

@Suite("Cells of a small model are rendered on several lanes", .timeLimit(.minutes(5)))
struct LaneTests {
    private func row(_ guidances: [Double], steps: Int = 3) -> RowRequest {
        RowRequest(
            prompt: "old man with glasses", negativePrompt: "bangs curls", guidances: guidances, seed: 1, steps: steps,
            sampler: SamplerSettings(.eulerAncestral), width: 128, height: 128)
    }

    private func pipeline(_ parts: CountedParts, budget: Int? = nil) throws -> Pipeline {
        try Pipeline(
            model: ModelFolder(path: Golden.model), device: CPUDevice(), memoryBudget: budget, parts: parts.parts)
    }

    @Test("and their number changes no byte", arguments: [2, 3, 5])
    func exact(lanes: Int) throws {
        let row = row([5, 6, 0, 7, 8, 9, 10, 11, 12, 13, 14, 1, 15, 16, 17, 18, 18.5, 5.5, 6.5])
        var found: [[Int: [UInt8]]] = []
        for threads in [1, lanes] {
            let parts = CountedParts(threads: threads)
            let pipeline = try pipeline(parts)
            var pictures: [Int: [UInt8]] = [:]
            var progress: [RowProgress] = []
            try pipeline.render(row) { step in
                progress.append(step)
                return true
            } emit: {
                #expect(pictures[$0.index] == nil)
                pictures[$0.index] = $0.pixels
            }
            #expect(parts.made == (threads == 1 ? 0 : threads))
            found.append(pictures)
            // Each batch comes once, with all its steps in order.
            let batches = progress.reduce(into: [[Int]]()) { if $0.last != $1.indices { $0.append($1.indices) } }
            #expect(batches.flatMap(\.self).sorted() == Array(row.guidances.indices))
            #expect(batches.allSatisfy { batch in progress.filter { $0.indices == batch }.map(\.step) == [1, 2, 3] })
        }
        #expect(found[0].count == row.guidances.count && found[0] == found[1])
    }

    @Test("and previews and an interval without guidance leave the steps in order")
    func interval() throws {
        let device = try CPUDevice()
        let decoder = try PreviewModel(path: "\(Golden.folder)/vae-tiny/taesd_decoder.safetensors")
        let parts = CountedParts(threads: 2)
        let pipeline = try Pipeline(model: ModelFolder(path: Golden.model), device: device, parts: parts.parts)
        pipeline.previews = try PreviewMaker(decoder, device: device, pace: PreviewPace(pause: .zero, factor: 0))
        var row = row([5, 6, 7, 8], steps: 6)
        row.options.guidanceInterval = 0.5...3
        var progress: [RowProgress] = []
        try pipeline.render(row) { step in
            progress.append(step)
            return true
        } emit: { _ in
        }
        #expect(parts.made == 2 && progress.map(\.step) == progress.map(\.step).sorted())
        #expect(progress.first?.step == 1 && progress.last?.step == 6)
        #expect(progress.contains { $0.preview != nil })
    }

    @Test("and a row stops on all of them when its progress says so")
    func stops() throws {
        let parts = CountedParts(threads: 2)
        var steps: [Int] = []
        var emitted = 0
        try pipeline(parts).render(row([5, 6, 7, 8], steps: 4)) { step in
            steps.append(step.step)
            return step.step < 2
        } emit: { _ in
            // A lane far ahead may be through before the other has done the second step: its two pictures come, but no more.
            #expect(steps.last != 2)
            emitted += 1
        }
        #expect(steps == [1, 2] && emitted <= 2 && parts.made == 2)
    }

    @Test("and an image that cannot be delivered ends the row with that error, after which the next one is rendered")
    func undelivered() throws {
        struct Full: Error {}
        let parts = CountedParts(threads: 2)
        let pipeline = try pipeline(parts)
        var count = 0
        #expect(throws: Full.self) {
            try pipeline.render(row([5, 6, 7, 8])) { _ in
                count += 1
                throw Full()
            }
        }
        #expect(count == 1)
        try pipeline.render(row([5, 6, 7, 8])) { _ in count += 1 }
        #expect(count == 5 && parts.made == 2)
    }

    @Test("and where a lane finds no memory, the pipeline renders its cells, and all that follow, without lanes")
    func failure() throws {
        let parts = CountedParts(threads: 2, limit: 1)
        let pipeline = try pipeline(parts)
        for _ in 1...2 {
            var indices: [Int] = []
            try pipeline.render(row([5, 6, 7, 8, 9])) { indices.append($0.index) }
            #expect(indices.sorted() == [0, 1, 2, 3, 4])
        }
        #expect(parts.made == 1)
    }

    @Test("and are gone when pictures of another size come, and left out where memory has no room for them")
    func sizes() throws {
        let parts = CountedParts(threads: 2)
        let free = try pipeline(parts)
        var large = row([5, 6])
        (large.width, large.height) = (192, 192)
        for row in [row([5, 6]), large, row([5, 6])] { try free.render(row) { _ in } }
        #expect(parts.made == 6)
        let need = try ModelFolder(path: Golden.model).memory(width: 128, height: 128, cells: 2)
        let none = CountedParts(threads: 2)
        var count = 0
        try pipeline(none, budget: need.total + need.withoutProgram).render(row([5, 6])) { _ in count += 1 }
        #expect(count == 2 && none.made == 0)
    }

    @Test("as many as memory and the cells have room for")
    func number() throws {
        let need = try ModelFolder(path: Golden.model).memory(width: 128, height: 128, cells: 8)
        func lanes(_ wanted: Int, threads: Int, room: Int = .max) -> Int {
            BatchPlan(width: 128, height: 128, wanted: wanted, each: 8, hasPreviews: false)
                .lanes(threads: threads, need: need, room: room)
        }
        let gigabyte = 1 << 30
        #expect(lanes(20, threads: 4) == 4 && lanes(3, threads: 4) == 3 && lanes(1, threads: 4) == 1)
        #expect(lanes(20, threads: 4, room: need.withoutProgram) == 1)
        #expect((2...5).contains(lanes(20, threads: 8, room: gigabyte)))
        #expect(lanes(28, threads: 64) < 20, "more threads on each lane instead")
        #expect(lanes(20, threads: 7) == 7 && lanes(9, threads: 8) == 5, "two cells on most, rather than on one")
        #expect(BatchPlan.wanted(20, each: 8, threads: 2) == 16 && BatchPlan.wanted(20, each: 1, threads: 2) == 1)
        var plan = BatchPlan(width: 128, height: 128, wanted: 28, each: 8, hasPreviews: false)
        plan.lanes = 8
        #expect(plan.usesLanes(for: 5) && !plan.usesLanes(for: 4), "a few cells have all threads")
    }

    @Test("and what they tell becomes one course: an evaluation is done when the last lane has done it")
    func course() throws {
        struct Refused: Error {}
        final class Audience: PaintAudience {
            var heard: [Int] = []
            var images = 0
            func wantsPreview() -> Bool { true }
            func goesOn(after evaluation: Int, showing latents: [Float]?) -> Bool {
                heard.append(evaluation)
                return true
            }
            func take(_ image: RenderedImage) throws {
                images += 1
                if images > 1 { throw Refused() }
            }
        }
        let audience = Audience()
        var course = LaneCourse(lanes: 2, start: 3)
        func image(_ index: Int) -> LaneDesk.Event {
            .image(
                RenderedImage(
                    index: index, width: 1, height: 1, pixels: [0, 0, 0],
                    timings: RenderTimings(encode: 0, denoise: 0, decode: 0)))
        }
        #expect(course.note(.previewWanted, of: 0, for: audience) == true)
        #expect(course.note(.evaluated(3, latents: nil), of: 0, for: audience) == true)
        #expect(course.note(.evaluated(4, latents: nil), of: 0, for: audience) == true)
        #expect(audience.heard == [])
        #expect(course.note(.evaluated(3, latents: nil), of: 1, for: audience) == true)
        #expect(course.note(.evaluated(5, latents: [0]), of: 0, for: audience) == true)
        #expect(course.note(.evaluated(4, latents: nil), of: 1, for: audience) == true)
        #expect(audience.heard == [3, 3, 4])
        #expect(course.note(image(7), of: 0, for: audience) == true)
        #expect(course.note(.ended(DiffusionError.notFinite), of: 0, for: audience) == nil)
        #expect(course.note(.evaluated(5, latents: nil), of: 1, for: audience) == true)
        #expect(audience.heard == [3, 3, 4, 5] && course.goesOn && course.atWork == 1)
        #expect(course.note(image(8), of: 1, for: audience) == false)
        #expect(course.note(.evaluated(6, latents: nil), of: 1, for: audience) == false)
        #expect(course.note(.ended(LaneDesk.Stopped()), of: 1, for: audience) == nil)
        #expect(course.atWork == 0 && course.taken == [7] && audience.heard.count == 4)
        #expect(course.failure as? DiffusionError == .notFinite && course.refusal is Refused)
    }
}

/// The processor's devices, as if it had so many cores; only some of them can be made.
private final class CountedParts: Sendable {
    private let threads: Int
    private let limit: Int
    private let count = Mutex(0)

    init(threads: Int, limit: Int = .max) {
        self.threads = threads
        self.limit = limit
    }

    var made: Int { count.withLock { $0 } }

    var parts: DeviceParts {
        DeviceParts(threads: threads) { [self] _ in
            try count.withLock {
                guard $0 < limit else { throw DiffusionError.outOfMemory(bytes: 1) }
                $0 += 1
            }
            tmdne_use_threads(1)
            return try CPUDevice()
        }
    }
}
