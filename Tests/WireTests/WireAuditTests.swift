import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Worker

/// The check that ends the tests of this target: each of its parts must be able to fail.
@Suite("The audit of a folder", .timeLimit(.minutes(1)))
struct WireAuditTests {
    /// Makes each cell's picture with one bit turned over: a sound image of a sound file, and not the cell's.
    private final class WrongEngine: Engine {
        let device = "null"
        let precision = "none"
        private let null = NullEngine()

        func prepare(model: String, for cell: GrantedCell) {}

        func render(
            _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
        ) throws {
            try null.render(cells, progress: progress) { rendered in
                var wrong = rendered
                wrong.pixels[100] ^= 1
                try emit(wrong)
            }
        }
    }

    private func render(in folder: String, makeEngine: @escaping @Sendable () throws -> any Engine) async throws {
        try await WireFixture.serve(in: folder) { server in
            try await WireFixture.worker(server.joinToken, in: folder, makeEngine: makeEngine).run()
        }
    }

    @Test("a picture that is not its cell's is found")
    func wrongPicture() async throws {
        try await WireFixture.withDirectory { folder in
            try await render(in: folder) { WrongEngine() }
            withKnownIssue { try WireFixture.expectWhole(folder, cells: 4) }
        }
    }

    @Test("whatever else is wrong or left over is found")
    func leftovers() async throws {
        try await WireFixture.withDirectory { folder in
            try await render(in: folder) { NullEngine() }
            try WireFixture.expectWhole(folder, cells: 4)
            let names = [
                "sweep/tls.pem.new", "sweep/incoming/1.part", "sweep/images/other.png", "cache/x.image",
                "cache/x.image.tmp",
            ]
            for name in names {
                let file = URL(filePath: "\(folder)/\(name)")
                try Data("x".utf8).write(to: file)
                withKnownIssue("\(name)") { try WireFixture.expectWhole(folder, cells: 4) }
                try FileManager.default.removeItem(at: file)
            }
            let log = URL(filePath: "\(folder)/\(WatchedWorker.log)")
            let acknowledged = try String(contentsOf: log, encoding: .utf8)
            #expect(acknowledged.split(separator: "\n").count == 4)
            for lie in ["", acknowledged + String(repeating: "0", count: 64) + "\n"] {
                try Data(lie.utf8).write(to: log)
                withKnownIssue("acknowledged: \(lie)") { try WireFixture.expectWhole(folder, cells: 4) }
            }
            try Data(acknowledged.utf8).write(to: log)
            try WireFixture.expectWhole(folder, cells: 4)
            let image = try #require(try SweepReader(WireFixture.directory(folder)).rows().first?.image)
            let file = URL(filePath: "\(folder)/sweep/\(image)")
            var bytes = try Data(contentsOf: file)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: file)
            withKnownIssue("a damaged image") { try WireFixture.expectWhole(folder, cells: 4) }
        }
    }
}
