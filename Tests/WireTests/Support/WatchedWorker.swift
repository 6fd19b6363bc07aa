import Foundation
import SharedModel

@testable import Worker

/// A worker that writes down what was acknowledged, as the log of a worker's process does.
struct WatchedWorker: Sendable {
    /// What such a log is called, in the folder of its worker.
    static let log = "acknowledged.log"

    /// What happens, for a test that waits for it; ends with the worker.
    let events: AsyncStream<WorkerEvent>
    private let continuation: AsyncStream<WorkerEvent>.Continuation
    private let service: WorkerService
    private let log: URL

    init(_ service: WorkerService, in folder: String) {
        self.service = service
        log = URL(filePath: folder).appending(path: Self.log)
        (events, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(256))
    }

    /// Works to the end.
    ///
    /// - Throws: What the worker throws, once the log is written.
    func run() async throws {
        async let noting: Void = note()
        let result: Result<Void, any Error>
        do {
            result = .success(try await service.run())
        } catch {
            result = .failure(error)
        }
        try await noting
        try result.get()
    }

    private func note() async throws {
        defer { continuation.finish() }
        var lines = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
        for await event in service.events {
            if case .delivered(let cell, let outcome, _) = event, outcome == .stored || outcome == .duplicate {
                lines += "\(cell.hex)\n"
            }
            continuation.yield(event)
        }
        try FileManager.default.createDirectory(at: log.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(lines.utf8).write(to: log)
    }
}
