import Foundation
import SharedModel
import Synchronization
import Testing

@testable import Coordinator

/// A store whose wall clock a test sets.
final class TemporaryStore: Sendable {
    private let clock = Mutex(Date(timeIntervalSince1970: 0))
    private let directory = SweepDirectory(
        FileManager.default.temporaryDirectory.appending(path: "tmdne-store-\(UUID())"))

    deinit {
        try? FileManager.default.removeItem(at: directory.url)
    }

    func open() async throws -> SweepStore {
        try directory.create()
        let store = try SweepStore(path: directory.database.path, wallClock: { self.clock.withLock(\.self) })
        _ = try await store.adopt(WireFixture.plan(), directory: directory.url.path)
        return store
    }

    func set(now: Date) {
        clock.withLock { $0 = now }
    }

    /// The hello of a worker whose name is one letter.
    func hello(_ name: Character) -> Hello {
        Hello(
            version: WireLimits.protocolVersion, secret: "", name: String(name),
            identity: String(repeating: name, count: 32), device: "cpu", program: "test", leases: [])
    }
}
