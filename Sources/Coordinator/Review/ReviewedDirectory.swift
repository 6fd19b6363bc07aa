import Foundation
package import SharedModel

/// A sweep that is looked at and judged while no coordinator serves it.
///
/// It holds the directory's lock, so that nobody else writes the database meanwhile.
package final class ReviewedDirectory: Sendable {
    package let directory: SweepDirectory
    package let reviews: ReviewBook
    /// What lets people in from other hosts; the same that lets workers in.
    package let secret: JoinSecret
    private let lock: DirectoryLock
    private let store: SweepStore

    /// Blocks; keep it off the cooperative pool.
    ///
    /// - Throws: ``CoordinatorError`` when the directory holds no sweep, or a coordinator serves it.
    package init(_ directory: SweepDirectory) throws {
        guard directory.holdsSweep else { throw CoordinatorError.noSweep(directory: directory.url.path) }
        self.directory = directory
        lock = try DirectoryLock(directory)
        secret = try directory.ownSecret()
        store = try SweepStore(path: directory.database.path)
        reviews = ReviewBook(store: store)
    }

    /// Lets go of the database.
    package func close() async {
        await store.close()
    }
}
