import Coordinator
import Foundation
import NIOPosix

/// The grid in columns, read when a page asks for it first: a coordinator whose pages nobody opens does without.
actor GridShelf {
    /// What is kept once it was read.
    struct Content: Sendable {
        let grid: GridIndex
        /// What of the grid never changes, as JSON.
        let data: Data
    }

    private let reader: SweepReader
    private let sweep: String
    private var content: Content?

    init(_ reader: SweepReader, sweep: String) {
        self.reader = reader
        self.sweep = sweep
    }

    /// The grid as it was adopted when the coordinator started.
    func take() async throws -> Content {
        if let content { return content }
        let (reader, sweep) = (reader, sweep)
        let found = try await NIOThreadPool.singleton.runIfActive {
            let grid = try GridIndex(reader)
            return Content(grid: grid, data: try JSONEncoder().encode(GridAnswer(grid, sweep: sweep)))
        }
        content = found
        return found
    }
}
