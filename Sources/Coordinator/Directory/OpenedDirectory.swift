import Foundation
import SharedModel

/// A directory that this process alone serves: locked, its database open, its leftovers removed.
struct OpenedDirectory: Sendable {
    let directory: SweepDirectory
    let lock: DirectoryLock
    let store: SweepStore
    let images: ImageStore
    /// The secret of the coordinator's own token.
    let secret: JoinSecret
    let tokens: TokenRegistry
    /// What the coordinator shows to workers; `nil`: nothing is encrypted.
    let identity: ServerIdentity?

    /// Blocks; keep it off the cooperative pool.
    ///
    /// After a crash the whole database is looked at before anything is served from it.
    ///
    /// - Throws: ``CoordinatorError`` when another coordinator serves the directory, or something in it is damaged.
    init(
        _ directory: SweepDirectory, isEncrypted: Bool,
        diskRoom: @escaping @Sendable (SweepDirectory) -> DiskRoom = DiskRoom.init(of:)
    ) throws {
        self.directory = directory
        try DurableFile.makeDirectory(directory.url.path)
        lock = try DirectoryLock(directory)
        try directory.create()
        guard directory.holdsSweep || !directory.holdsImages else {
            throw CoordinatorError.lostDatabase(directory: directory.url.path)
        }
        secret = try directory.ownSecret()
        tokens = try TokenRegistry(TokenFiles(directory))
        identity = isEncrypted ? try ServerIdentity.load(directory) : nil
        store = try SweepStore(path: directory.database.path, isSuspect: lock.followsCrash)
        images = try ImageStore(directory, diskRoom: diskRoom)
        _ = directory.takeRequests()
    }

    /// Makes `plan` the directory's sweep and keeps its file beside the database.
    func adopt(_ plan: SweepPlan?) async throws -> Adoption? {
        guard let plan else {
            try restoreSource()
            return nil
        }
        let adoption = try await store.adopt(plan, directory: directory.url.path)
        let path = directory.source.path
        if adoption != .resumed || !FileManager.default.fileExists(atPath: path) {
            try DurableFile.replace(path, with: Array(plan.source.utf8), mode: 0o644)
        }
        return adoption
    }

    /// Puts the sweep file back that is needed should the database be lost.
    private func restoreSource() throws {
        let path = directory.source.path
        guard directory.holdsSweep, !FileManager.default.fileExists(atPath: path) else { return }
        try DurableFile.replace(path, with: Array(SweepReader(directory).sweep().source.utf8), mode: 0o644)
    }

    func close() async {
        await images.close()
        await store.close()
        lock.markClean()
    }
}
