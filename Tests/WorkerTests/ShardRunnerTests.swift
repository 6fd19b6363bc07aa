import SharedModel
import Testing

@testable import Worker

/// Does to each cell what the test says.
private final class ScriptedEngine: Engine {
    struct Failure: Error, CustomStringConvertible {
        var description: String { "It cannot be done." }
    }

    let device = "scripted"
    let precision = "none"
    /// Cells that fail whenever they are among those to render.
    var bad: Set<CellKey> = []
    var isModelUsable = true
    var canShow = true
    /// What it was told to show images with, before they are finished.
    private(set) var shown: [PreviewFile?] = []
    var isLazy = false
    /// Cells that are rendered together.
    var groupSize = 1
    /// Called before each step.
    var onStep: (EngineProgress) -> Void = { _ in }
    private(set) var calls: [[CellKey]] = []

    func prepare(model: String, for cell: GrantedCell) throws {
        guard isModelUsable else { throw Failure() }
    }

    func showPreviews(with file: PreviewFile?) throws {
        shown.append(file)
        guard canShow else { throw Failure() }
    }

    func render(
        _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
    ) throws {
        calls.append(cells.map(\.key))
        guard !isLazy else { return }
        let starts = Array(stride(from: 0, to: cells.count, by: groupSize))
        for (number, start) in starts.enumerated() {
            let group = cells[start..<min(start + groupSize, cells.count)]
            for step in 1...2 {
                let report = EngineProgress(
                    cell: group[start].key, group: number, isLastGroup: number == starts.count - 1, step: step,
                    steps: 2,
                    preview: step == 1 && (shown.last ?? nil) != nil
                        ? Preview(cell: group[start].key, width: 1, height: 1, pixels: [1, 2, 3]) : nil
                )
                onStep(report)
                guard progress(report) else { return }
            }
            for granted in group {
                if bad.contains(granted.key) { throw Failure() }
                try emit(
                    RenderedCell(
                        cell: granted.key, width: 1, height: 1, pixels: [0, 0, 0], encode: 0, denoise: 0, decode: 0))
            }
        }
    }
}

@Suite("Rendering a shard")
struct ShardRunnerTests {
    private struct Outcome {
        var delivered: [CellKey] = []
        var failed: [CellKey] = []
        var announcements = 0
        var unusable: WorkerError?
        var previews: [Preview] = []
        var troubles: [String] = []
        var observed: [EngineProgress] = []
    }

    private func run(
        _ cells: ClosedRange<Int>, on engine: ScriptedEngine, control: RenderControl = RenderControl(),
        record: EngineRecord = EngineRecord(), preview: PreviewFile? = nil,
        deliver: @escaping (CellKey) throws -> Void = { _ in }
    ) throws -> Outcome {
        var outcome = Outcome()
        let runner = ShardRunner(
            lease: try Fixtures.lease(1), model: "tiny", preview: preview, control: control, record: record,
            deliver: { granted, _ in
                try deliver(granted.key)
                outcome.delivered.append(granted.key)
            },
            report: { report in
                switch report {
                case .failed(_, let cell, _): outcome.failed.append(cell)
                case .onLastGroup: outcome.announcements += 1
                case .unusable(_, let error): outcome.unusable = error
                case .previewed(let preview): outcome.previews.append(preview)
                case .trouble(let reason): outcome.troubles.append(reason)
                case .spooled, .spoolBroken, .ended: break
                }
            }, observe: { outcome.observed.append($0) })
        runner.run(try cells.map { try Fixtures.granted($0) }, on: engine)
        return outcome
    }

    @Test("every cell is delivered, and the last group is announced once")
    func all() throws {
        let outcome = try run(1...3, on: ScriptedEngine())
        #expect(outcome.delivered == (try (1...3).map(Fixtures.key)))
        #expect(outcome.failed == [])
        #expect(outcome.announcements == 1)
    }

    @Test("previews are reported beside the steps, and made with what the grant names")
    func previews() throws {
        let file = PreviewFile(name: "taesd", fingerprint: String(repeating: "d", count: 64))
        let engine = ScriptedEngine()
        let outcome = try run(1...2, on: engine, preview: file)
        #expect(engine.shown == [file] && outcome.troubles == [])
        #expect(outcome.previews.map(\.cell) == (try (1...2).map(Fixtures.key)))
        #expect(outcome.observed.count == 4 && outcome.observed.allSatisfy { $0.preview == nil })
        #expect(try run(1...2, on: engine).previews == [] && engine.shown == [file, nil])
    }

    @Test("without them, where they can't be made, every cell is delivered all the same")
    func noPreviews() throws {
        let engine = ScriptedEngine()
        engine.canShow = false
        let outcome = try run(1...3, on: engine, preview: PreviewFile(name: "taesd", fingerprint: "d"))
        #expect(outcome.delivered.count == 3 && outcome.unusable == nil && outcome.failed == [])
        #expect(outcome.troubles == ["Images are rendered without previews: It cannot be done."])
    }

    @Test("one bad cell takes no other with it: what is missing is tried alone")
    func isolation() throws {
        let engine = ScriptedEngine()
        engine.bad = [try Fixtures.key(2)]
        let outcome = try run(1...4, on: engine)
        #expect(outcome.delivered == (try [1, 3, 4].map(Fixtures.key)))
        #expect(outcome.failed == [try Fixtures.key(2)])
        #expect(engine.calls.count == 4)
    }

    @Test("an engine that fails for a cell alone is not asked twice")
    func single() throws {
        let engine = ScriptedEngine()
        engine.bad = [try Fixtures.key(1)]
        #expect(try run(1...1, on: engine).failed == [try Fixtures.key(1)])
        #expect(engine.calls.count == 1)
    }

    @Test("a cell whose key is not its content's fails, and the others are rendered")
    func wrongKey() throws {
        var outcome: [CellKey] = []
        var cells = try (1...2).map { try Fixtures.granted($0) }
        cells[0].key = try Fixtures.key(9)
        let engine = ScriptedEngine()
        let runner = ShardRunner(
            lease: try Fixtures.lease(1), model: "tiny", preview: nil, control: RenderControl(), record: EngineRecord(),
            deliver: { _, _ in },
            report: { if case .failed(_, let cell, _) = $0 { outcome.append(cell) } }, observe: { _ in })
        runner.run(cells, on: engine)
        #expect(outcome == [cells[0].key])
        #expect(engine.calls == [[cells[1].key]])
    }

    @Test("an engine that ends without images fails the cells instead of losing them")
    func lazy() throws {
        let engine = ScriptedEngine()
        let record = EngineRecord()
        record.noteImage()
        engine.isLazy = true
        #expect(try run(1...2, on: engine, record: record).failed == (try [1, 2].map(Fixtures.key)))
    }

    @Test("a first shard whose every cell fails speaks against the host, and none of its cells counts as failed")
    func barrenFirstShard() throws {
        let engine = ScriptedEngine()
        engine.bad = Set(try (1...3).map(Fixtures.key))
        let outcome = try run(1...3, on: engine)
        #expect(outcome.failed == [])
        let reason = "the engine fails for every cell, the last time because: It cannot be done."
        #expect(outcome.unusable == .unusableModel(name: "tiny", reason: reason))
    }

    @Test("a host that has rendered is blamed for the third shard in a row without an image, and no earlier")
    func barrenShards() throws {
        let (engine, record) = (ScriptedEngine(), EngineRecord())
        engine.bad = Set(try (2...3).map(Fixtures.key))
        for _ in 1...2 {
            #expect(try run(1...1, on: engine, record: record).delivered.count == 1)
            for _ in 1...2 { #expect(try run(2...3, on: engine, record: record).failed.count == 2) }
        }
        let outcome = try run(2...3, on: engine, record: record)
        #expect(outcome.failed == [])
        #expect(outcome.unusable != nil)
    }

    @Test("single cells that fail speak against the host only when there are three of them in a row")
    func barrenSingles() throws {
        let (engine, record) = (ScriptedEngine(), EngineRecord())
        engine.bad = [try Fixtures.key(1)]
        for _ in 1...2 { #expect(try run(1...1, on: engine, record: record).failed.count == 1) }
        #expect(try run(1...1, on: engine, record: record).unusable != nil)
    }

    @Test("winding down finishes the group that is begun and no other", arguments: [1, 2])
    func windDown(groupSize: Int) throws {
        let control = RenderControl()
        let engine = ScriptedEngine()
        engine.groupSize = groupSize
        engine.onStep = { if $0.step == 1 { control.windDown() } }
        let outcome = try run(1...4, on: engine, control: control)
        #expect(outcome.delivered.count == groupSize)
        #expect(outcome.failed == [])
    }

    @Test("a lost lease stops at the next step")
    func lost() throws {
        let control = RenderControl()
        let engine = ScriptedEngine()
        let lease = try Fixtures.lease(1)
        let second = try Fixtures.key(2)
        engine.onStep = { if $0.cell == second { control.lose(lease) } }
        let outcome = try run(1...4, on: engine, control: control)
        #expect(outcome.delivered == [try Fixtures.key(1)])
        #expect(outcome.failed == [])
    }

    @Test("a lease lost before its turn is not begun")
    func lostBefore() throws {
        let control = RenderControl()
        control.lose(try Fixtures.lease(1))
        let engine = ScriptedEngine()
        _ = try run(1...2, on: engine, control: control)
        #expect(engine.calls.isEmpty)
    }

    @Test("a model that can't be used fails no cell")
    func unusable() throws {
        let engine = ScriptedEngine()
        engine.isModelUsable = false
        let outcome = try run(1...2, on: engine)
        #expect(outcome.unusable == .unusableModel(name: "tiny", reason: "It cannot be done."))
        #expect(outcome.failed == [])
        #expect(engine.calls.isEmpty)
    }

    @Test("a spool that takes no image stops the rendering and fails no cell")
    func brokenSpool() throws {
        let engine = ScriptedEngine()
        let outcome = try run(1...3, on: engine) { _ in throw SpoolQueue.Broken() }
        #expect(outcome.delivered == [])
        #expect(outcome.failed == [])
        #expect(engine.calls.count == 1)
    }

    @Test("the null engine's picture depends on the key alone, fills the size, and differs between keys")
    func nullPicture() throws {
        let (one, two) = (try Fixtures.key(1), try Fixtures.key(2))
        let picture = NullEngine.picture(of: one, width: 24, height: 16)
        #expect(picture.count == 24 * 16 * 3)
        #expect(picture == NullEngine.picture(of: one, width: 24, height: 16))
        #expect(picture != NullEngine.picture(of: two, width: 24, height: 16))
    }
}
