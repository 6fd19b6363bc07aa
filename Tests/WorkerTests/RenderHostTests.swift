import Foundation
import SharedModel
import Testing

@testable import Worker

@Suite("The worker's threads", .timeLimit(.minutes(1)))
struct RenderHostTests {
    @Test("the image that was spooled last is sent without being read back, an older one from its file")
    func latestImage() async throws {
        try await Fixtures.withDirectory { cache in
            let host = RenderHost(logger: Fixtures.logger)
            _ = try await host.openSpool(cache: cache, token: Fixtures.token())
            _ = try await host.startEngine { NullEngine() }
            let entries = try await Self.spooled(try Fixtures.grant(1, cells: 1...2), by: host)
            let files = FileManager.default.enumerator(atPath: cache)?.compactMap { $0 as? String } ?? []
            for file in files where file.hasSuffix(".image") {
                try FileManager.default.removeItem(atPath: "\(cache)/\(file)")
            }

            let latest = try #require(await Self.load(entries[1], from: host))
            #expect(Spool.sha256(of: latest) == entries[1].sha256)
            #expect(await Self.load(entries[0], from: host) == nil)
            // Held once: who asks again, after a lost connection, gets what the disk has.
            #expect(await Self.load(entries[1], from: host) == nil)
            await host.stop()
        }
    }

    /// Renders a grant, and returns what came into the spool.
    private static func spooled(_ grant: Grant, by host: RenderHost) async throws -> [SpoolEntry] {
        let (reports, source) = AsyncStream<RenderReport>.makeStream()
        host.render(grant, of: "sweep", skipping: [], observe: { _ in }, report: { source.yield($0) })
        var entries: [SpoolEntry] = []
        for await report in reports {
            if case .spooled(let entry) = report { entries.append(entry) }
            if case .ended = report { break }
        }
        try #require(entries.count == grant.cells.count)
        return entries
    }

    private static func load(_ entry: SpoolEntry, from host: RenderHost) async -> [UInt8]? {
        await withCheckedContinuation { continuation in host.load(entry) { continuation.resume(returning: $0) } }
    }
}
