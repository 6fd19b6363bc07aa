import ChaosProxy
import Crypto
import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Worker

@Suite("Models on their way", .timeLimit(.minutes(2)))
struct ModelTransferTests {
    /// Asks for its model before it renders nothing.
    private final class FetchingEngine: Engine {
        let device = "null"
        let precision = "none"
        private let cache: ModelCache
        private let null = NullEngine()

        init(_ cache: ModelCache) {
            self.cache = cache
        }

        func prepare(model: String, for cell: GrantedCell) throws {
            let fingerprint = cell.cell.fingerprint
            let path = try cache.path(of: model, fingerprint: fingerprint)
            #expect(try ModelFingerprint.compute(of: path) == fingerprint)
        }

        func render(
            _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
        ) throws {
            try null.render(cells, progress: progress, emit: emit)
        }
    }

    /// A model of random bytes: two files of equal content, an empty one, and one of several pieces.
    private func makeModel(in folder: String) throws -> (path: String, fingerprint: String) {
        let files: [(String, Data)] = [
            ("model_index.json", Data("{}".utf8)), ("scheduler/scheduler_config.json", Data("{}".utf8)),
            ("text_encoder/config.json", Data("{\"a\": 1}".utf8)),
            ("text_encoder/model.safetensors", Self.noise(70_000)),
            ("tokenizer/vocab.json", Data("{\"b\": 2}".utf8)), ("tokenizer/merges.txt", Data()),
            ("unet/config.json", Data("{\"c\": 3}".utf8)),
            ("unet/diffusion_pytorch_model.safetensors", Self.noise(3_000_000)),
            ("vae/config.json", Data("{\"d\": 4}".utf8)),
            ("vae/diffusion_pytorch_model.safetensors", Self.noise(65_536)),
        ]
        for (name, data) in files {
            let url = URL(filePath: "\(folder)/model/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try data.write(to: url)
        }
        return ("\(folder)/model", try ModelFingerprint.compute(of: "\(folder)/model"))
    }

    private static func noise(_ count: Int) -> Data {
        var generator = SystemRandomNumberGenerator()
        return Data((0..<count / 8 + 1).flatMap { _ in withUnsafeBytes(of: generator.next() as UInt64, Array.init) })
            .prefix(count)
    }

    private func render(
        _ model: (path: String, fingerprint: String), in folder: String,
        faults: @escaping @Sendable (Int) -> ChaosProxy.Faults = { _ in .init() }
    ) async throws -> ChaosProxy {
        var settings = WireFixture.settings()
        settings.findModel = { _, _ in model.path }
        let plan = WireFixture.plan(cells: 2, fingerprint: model.fingerprint)
        return try await WireFixture.serve(in: folder, plan: plan, settings: settings) { server in
            try await ChaosProxy.run(to: server.boundPort, faults: faults) { proxy in
                let token = try WireFixture.token(server.joinToken, port: proxy.port)
                let link = ModelLink()
                let worker = WireFixture.worker(token, in: folder, link: link) {
                    FetchingEngine(ModelCache(cache: "\(folder)/cache", link: link))
                }
                try await worker.run()
                return proxy
            }
        }
    }

    @Test("a worker without the model gets it over its connection, once")
    func fetch() async throws {
        try await WireFixture.withDirectory { folder in
            let model = try makeModel(in: folder)
            _ = try await render(model, in: folder)
            try WireFixture.expectWhole(folder, cells: 2)
            let cached = "\(folder)/cache/models"
            #expect(try FileManager.default.contentsOfDirectory(atPath: cached) == [model.fingerprint])
            // Whoever has it does not ask again, and what was changed since is not taken for it.
            let cache = ModelCache(cache: "\(folder)/cache", link: nil)
            #expect(try cache.path(of: "tiny", fingerprint: model.fingerprint) == "\(cached)/\(model.fingerprint)")
            #expect(cache.kept(model.fingerprint) == "\(cached)/\(model.fingerprint)")
            try Data("{}".utf8).write(to: URL(filePath: "\(cached)/\(model.fingerprint)/unet/config.json"))
            #expect(cache.kept(model.fingerprint) == nil && cache.kept("../models/\(model.fingerprint)") == nil)
            #expect(throws: WorkerError.missingModel(name: "tiny")) {
                try cache.path(of: "tiny", fingerprint: model.fingerprint)
            }
            // Who may fetch it gets the right one in its place.
            try FileManager.default.removeItem(atPath: "\(folder)/sweep")
            _ = try await render(model, in: folder)
            #expect(try ModelFingerprint.compute(of: "\(cached)/\(model.fingerprint)") == model.fingerprint)
        }
    }

    @Test("a transfer that is cut goes on where it stopped")
    func resume() async throws {
        try await WireFixture.withDirectory { folder in
            let model = try makeModel(in: folder)
            let total = 3_135_000
            let proxy = try await render(model, in: folder) { number in
                var faults = ChaosProxy.Faults()
                faults.cutAfterDown = number < 4 ? 900_000 : nil
                return faults
            }
            #expect(proxy.connections >= 4)
            // What goes up are requests alone: with every piece fetched anew after each cut there would be far more.
            let requests = proxy.recorded.count
            #expect(requests < 3 * total / WireLimits.chunkBytes * 300, "\(requests) bytes of requests")
            try WireFixture.expectWhole(folder, cells: 2)
        }
    }

    @Test("a model that no cell needs, or that has changed since it was planned, is not given away")
    func refusals() async throws {
        try await WireFixture.withDirectory { folder in
            let model = try makeModel(in: folder)
            var settings = WireFixture.settings()
            settings.findModel = { _, _ in model.path }
            let other = String(repeating: "a", count: 64)
            try await WireFixture.serve(in: folder, plan: WireFixture.plan(fingerprint: other), settings: settings) {
                let link = ModelLink()
                let worker = WireFixture.worker($0.joinToken, in: folder, link: link) {
                    FetchingEngine(ModelCache(cache: "\(folder)/cache", link: link))
                }
                await #expect(throws: WorkerError.self) { try await worker.run() }
            }
            let temporary = TemporaryStore()
            let store = try await temporary.open()
            let library = ModelLibrary(store: store, find: settings.findModel)
            let offer = await library.offer(of: String(repeating: "b", count: 64))
            #expect(offer.reason == "No cell of the sweep needs this model." && offer.files.isEmpty)
            await library.close()
            await store.close()
        }
    }

    @Test(
        "a name from the wire that is no file of a model is no path",
        arguments: [
            "", ".", "..", "/etc/passwd", "../unet/config.json", "unet/../x", "unet/.hidden", "unet//x", "unet/a/b",
            "home/x", "unet/x\0", "unet/ä", "unet/a..b", "~/x", "unet/" + String(repeating: "a", count: 129),
        ])
    func names(_ name: String) {
        #expect(ModelFileName(name) == nil)
    }

    @Test("a name of a model's file is made of its parts again")
    func goodNames() {
        for name in ["model_index.json", "unet/config.json", "text_encoder_2/model-00001-of-00002.safetensors"] {
            #expect(ModelFileName(name)?.path == name)
        }
    }

    @Test("a list that is not what its fingerprint says, and one with foreign names, end the transfer")
    func hostileList() {
        let file = ModelOffer.File(name: "unet/config.json", sha256: String(repeating: "1", count: 64), bytes: 3)
        let honest = ModelManifest.fingerprint(of: [(file.name, file.sha256)])
        var transfer = ModelTransfer(fingerprint: String(repeating: "0", count: 64))
        let lie = ModelOffer(fingerprint: String(repeating: "0", count: 64), files: [file])
        #expect(Self.fails(transfer.listed(lie) { _ in 0 }))
        transfer = ModelTransfer(fingerprint: honest)
        #expect(!Self.fails(transfer.listed(ModelOffer(fingerprint: honest, files: [file])) { _ in 0 }))
        #expect(Self.fails(transfer.arrived([1, 2, 3, 4])))
        let foreign = ModelOffer.File(name: "../../.bashrc", sha256: file.sha256, bytes: 3)
        let named = ModelManifest.fingerprint(of: [(foreign.name, foreign.sha256)])
        transfer = ModelTransfer(fingerprint: named)
        #expect(Self.fails(transfer.listed(ModelOffer(fingerprint: named, files: [foreign])) { _ in 0 }))
    }

    private static func fails(_ actions: [ModelTransfer.Action]) -> Bool {
        actions.contains { if case .fail = $0 { true } else { false } }
    }
}
