package import Coordinator
package import SharedModel

/// The sweep that the pages show, and what they can do about it.
package struct SweepDesk: Sendable {
    package let directory: SweepDirectory
    /// Where verdicts go.
    package let reviews: ReviewBook
    /// What strangers must show.
    package let secret: JoinSecret
    /// The coordinator of this process; `nil` when the sweep is only looked at.
    package let server: CoordinatorServer?

    /// A desk of a sweep that `server` serves from `directory`.
    package init(_ directory: SweepDirectory, server: CoordinatorServer) {
        self.directory = directory
        self.server = server
        reviews = server.reviews
        secret = server.joinToken.secret
    }

    /// A desk of a sweep that rests.
    package init(_ reviewed: ReviewedDirectory) {
        directory = reviewed.directory
        server = nil
        reviews = reviewed.reviews
        secret = reviewed.secret
    }
}
