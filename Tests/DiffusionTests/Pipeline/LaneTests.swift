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

    private func pipeline(lanes threads: Int, limit: Int = .max) throws -> Pipeline {
        try Pipeline(
            model: ModelFolder(path: Golden.model), device: CPUDevice(),
            parts: DeviceParts(threads: threads, limit: limit))
    }

    @Test("and their number changes no byte", arguments: [2, 3, 5])
    func exact(lanes: Int) throws {
        let row = row([5, 6, 0, 7, 8, 9, 10, 11, 12, 13, 14, 1, 15, 16, 17, 18, 18.5, 5.5, 6.5])
        var found: [[Int: [UInt8]]] = []
        for threads in [1, lanes] {
            let pipeline = try pipeline(lanes: threads)
            var pictures: [Int: [UInt8]] = [:]
            var progress: [RowProgress] = []
            try pipeline.render(row) { step in
                progress.append(step)
                return true
            } emit: {
                #expect(pictures[$0.index] == nil)
                pictures[$0.index] = $0.pixels
            }
            found.append(pictures)
            // Each batch comes once, with all its steps in order.
            let batches = progress.reduce(into: [[Int]]()) { if $0.last != $1.indices { $0.append($1.indices) } }
            #expect(batches.flatMap(\.self).sorted() == Array(row.guidances.indices))
            #expect(batches.allSatisfy { batch in progress.filter { $0.indices == batch }.map(\.step) == [1, 2, 3] })
        }
        #expect(found[0].count == row.guidances.count && found[0] == found[1])
    }

    @Test("and a row stops on all of them when its progress says so")
    func stops() throws {
        var steps: [Int] = []
        try pipeline(lanes: 2).render(row([5, 6, 7, 8], steps: 4)) { step in
            steps.append(step.step)
            return step.step < 2
        } emit: { _ in
            Issue.record("a stopped row has no picture")
        }
        #expect(steps == [1, 2])
    }

    @Test("and an image that cannot be delivered ends the row with that error, after which the next one is rendered")
    func undelivered() throws {
        struct Full: Error {}
        let pipeline = try pipeline(lanes: 2)
        var count = 0
        #expect(throws: Full.self) {
            try pipeline.render(row([5, 6, 7, 8])) { _ in
                count += 1
                throw Full()
            }
        }
        #expect(count == 1)
        try pipeline.render(row([5, 6, 7, 8])) { _ in count += 1 }
        #expect(count == 5)
    }

    @Test("and a lane that fails keeps no other from its images")
    func failure() throws {
        var count = 0
        #expect(throws: DiffusionError.outOfMemory(bytes: 1)) {
            try pipeline(lanes: 2, limit: 1).render(row([5, 6, 7, 8])) { _ in count += 1 }
        }
        #expect(count == 2)
    }

    @Test("as many as memory has room for")
    func memory() throws {
        let model = try ModelFolder(path: Golden.model)
        let need = try model.memory(width: 128, height: 128, cells: 8)
        let plan = BatchPlan(width: 128, height: 128, wanted: 20, cells: 8, lanes: 1, hasPreviews: false)
        let each = need.withoutProgram
        #expect(plan.lanes(threads: 4, need: need, room: .max) == 4)
        #expect(plan.lanes(threads: 4, need: need, room: 3 * each) == 3)
        #expect(plan.lanes(threads: 4, need: need, room: 2 * each - 1) == 1)
        #expect(plan.lanes(threads: 64, need: need, room: .max) < 20)
        #expect(BatchPlan.wanted(20, each: 8, threads: 2) == 16 && BatchPlan.wanted(20, each: 1, threads: 2) == 1)
    }
}

extension DeviceParts {
    /// The processor's, as if it had so many cores; only some of the devices can be made.
    fileprivate init(threads: Int, limit: Int = .max) throws {
        let made = Mutex(0)
        self.init(threads: threads) { _ in
            try made.withLock {
                guard $0 < limit else { throw DiffusionError.outOfMemory(bytes: 1) }
                $0 += 1
            }
            tmdne_use_threads(1)
            return try CPUDevice()
        }
    }
}
