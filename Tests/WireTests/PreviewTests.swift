import Foundation
import SharedModel
import Synchronization
import Testing

@testable import Coordinator
@testable import Worker

@Suite("Previews on their way", .timeLimit(.minutes(2)))
struct PreviewTests {
    /// Lets an engine's thread go on when a test says so.
    private final class Gate: Sendable {
        private let opened = Mutex(0)

        func open() { opened.withLock { $0 += 1 } }

        func wait(for count: Int) {
            while opened.withLock({ $0 < count }) { Thread.sleep(forTimeInterval: 0.002) }
        }
    }

    /// Fetches the decoder, and shows the first of its cells before it is finished.
    private final class ShowingEngine: Engine {
        let device = "null"
        let precision = "none"
        private let cache: ModelCache
        private let gate: Gate
        private var isShowing = false
        private var rendered = 0

        init(_ cache: ModelCache, _ gate: Gate) {
            self.cache = cache
            self.gate = gate
        }

        func prepare(model: String, for cell: GrantedCell) {}

        func showPreviews(with file: PreviewFile?) throws {
            guard let file, !isShowing else { return }
            let path = try cache.path(of: file.name, fingerprint: file.fingerprint)
            #expect(try ModelFingerprint.compute(of: path) == file.fingerprint)
            isShowing = true
        }

        func render(
            _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
        ) throws {
            for (group, granted) in cells.enumerated() {
                let key = granted.key
                let picture = Preview(cell: key, width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6])
                let step = EngineProgress(
                    cell: key, group: group, isLastGroup: group == cells.count - 1, step: 1, steps: 2,
                    preview: isShowing && rendered == 0 ? picture : nil)
                guard progress(step) else { return }
                rendered += 1
                gate.wait(for: rendered)
                let (width, height) = (granted.cell.width, granted.cell.height)
                try emit(
                    RenderedCell(
                        cell: key, width: width, height: height,
                        pixels: NullEngine.picture(of: key, width: width, height: height), encode: 0, denoise: 0,
                        decode: 0))
            }
        }
    }

    @Test("the decoder travels to the worker, a picture comes back, and goes when the image is there")
    func wholeWay() async throws {
        try await WireFixture.withDirectory { folder in
            let file = "\(folder)/taesd.safetensors"
            try Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }).write(to: URL(filePath: file))
            let fingerprint = try ModelFingerprint.compute(of: file)
            var plan = WireFixture.plan(cells: 2)
            plan.preview = PreviewFile(name: "taesd", fingerprint: fingerprint)
            var settings = WireFixture.settings()
            settings.heartbeatSeconds = 0.05
            settings.findModel = { name, wanted in
                #expect(name == "taesd" && wanted == fingerprint)
                return file
            }
            let gate = Gate()
            try await WireFixture.serve(in: folder, plan: plan, settings: settings) { server in
                let link = ModelLink()
                let worker = WireFixture.worker(server.joinToken, in: folder, link: link) {
                    ShowingEngine(ModelCache(cache: "\(folder)/cache", link: link), gate)
                }
                async let working: Void = worker.run()
                let number = try await Self.eventually {
                    try await server.status().workers.first?.rendering?.preview
                }
                #expect(await server.preview(number: number)?.pixels == [1, 2, 3, 4, 5, 6])
                gate.open()
                // The worker goes on to the next image, of which it shows nothing.
                _ = try await Self.eventually { await server.preview(number: number) == nil ? true : nil }
                #expect(try await server.status().done == 1)
                #expect(try await server.status().workers.first?.rendering?.preview == nil)
                gate.open()
                try await working
            }
            try WireFixture.expectWhole(folder, cells: 2)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: "\(folder)/cache/models") == [fingerprint])
        }
    }

    private static func eventually<Answer>(_ answer: () async throws -> Answer?) async throws -> Answer {
        for _ in 0..<10_000 {
            if let answer = try await answer() { return answer }
            try await Task.sleep(for: .milliseconds(5))
        }
        return try #require(try await answer())
    }
}
