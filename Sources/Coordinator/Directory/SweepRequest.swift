import Foundation
import Glibc

/// What people ask of a coordinator from another process.
///
/// A running coordinator is the only one that writes its database, so a request is an empty file that it looks for.
package enum SweepRequest: String, CaseIterable, Sendable {
    /// Try every failed cell again.
    case retryFailed = "retry-failed"
    /// Grant nothing until asked to go on.
    case pause
    /// Go on granting.
    case resume
    /// Grant nothing more, and end when the workers have delivered.
    case drain
}

extension SweepDirectory {
    /// Whether a coordinator serves the directory now.
    package func isServed() throws -> Bool {
        guard holdsSweep else { throw CoordinatorError.noSweep(directory: url.path) }
        return try DirectoryLock.isHeld(in: self)
    }

    /// Leaves a request for the running coordinator, which takes it within a second or two.
    package func submit(_ request: SweepRequest) throws {
        try DurableFile.makeDirectory(requests.path)
        let path = requests.appending(path: request.rawValue).path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DurableFile.error(path, "Making") }
        Glibc.close(descriptor)
    }

    /// Tries every failed cell again: through the coordinator where one runs, else right here.
    ///
    /// - Returns: How many cells there were, or `nil` when the running coordinator was asked to.
    package func retryFailed() async throws -> Int? {
        guard try !isServed() else {
            try submit(.retryFailed)
            return nil
        }
        let lock = try DirectoryLock(self)
        // What a crash left is looked at by the next coordinator.
        defer { if !lock.followsCrash { lock.markClean() } }
        let store = try SweepStore(path: database.path)
        do {
            let count = try await store.retryFailed()
            await store.close()
            return count
        } catch {
            await store.close()
            throw error
        }
    }

    /// Removes the requests that wait and returns them.
    func takeRequests() -> [SweepRequest] {
        SweepRequest.allCases.filter { unlink(requests.appending(path: $0.rawValue).path) == 0 }
    }
}
