import Foundation
import Glibc
import NIOPosix
import SharedModel
import Synchronization

/// The images of a sweep, by content, under `images/`.
///
/// Everything that touches the disk runs on its own few threads, so that a slow disk stalls neither heartbeats nor the
/// cooperative pool.
final class ImageStore: Sendable {
    private static let threadCount = 4

    private let directory: SweepDirectory
    private let threads = NIOThreadPool(numberOfThreads: ImageStore.threadCount)
    /// Folders whose entry in `images/` is known to be on the disk.
    private let durableFolders = Mutex<Set<String>>([])
    /// The files that are in their place while their rows are not decided yet, by SHA-256.
    private let undecided = Mutex<[String: Undecided]>([:])
    private let diskRoom: @Sendable (SweepDirectory) -> DiskRoom

    /// Uploads of the same bytes: workers that render a cell twice make the same file.
    private struct Undecided {
        var uploads = 0
        var isNeeded = false
    }

    /// Removes what uploads left behind when the last coordinator stopped. Blocks.
    init(
        _ directory: SweepDirectory, diskRoom: @escaping @Sendable (SweepDirectory) -> DiskRoom = DiskRoom.init(of:)
    ) throws {
        self.directory = directory
        self.diskRoom = diskRoom
        let leftovers = try? FileManager.default.contentsOfDirectory(atPath: directory.incoming.path)
        for name in leftovers ?? [] { unlink(directory.incoming.appending(path: name).path) }
        threads.start()
    }

    /// Ends the threads after what they do now.
    func close() async {
        // Fails only when it was closed before.
        try? await threads.shutdownGracefully()
    }

    /// Begins an upload of an image of a size in pixels.
    func begin(_ offer: Offer, width: Int, height: Int) async throws -> IncomingImage {
        let folder = directory.incoming
        return try await threads.runIfActive {
            try IncomingImage(offer, width: width, height: height, folder: folder)
        }
    }

    /// - Throws: ``ImageRefusal`` for bytes that can't belong to the image, ``CoordinatorError`` when the disk failed.
    func append(_ bytes: [UInt8], to image: IncomingImage) async throws {
        try await threads.runIfActive { try image.append(bytes) }
    }

    /// Verifies a whole upload and puts it in its place; when this returns it survives a power cut.
    ///
    /// Each call that returns is followed by one of ``settle(_:isNeeded:)``.
    ///
    /// - Throws: ``ImageRefusal`` when it is not what was offered, ``CoordinatorError`` when the disk failed.
    func keep(_ image: IncomingImage) async throws {
        try await threads.runIfActive { [self] in try keepNow(image) }
    }

    /// Takes the last bytes of an upload, and does what ``keep(_:)`` does.
    func finish(_ image: IncomingImage, with bytes: [UInt8]) async throws {
        try await threads.runIfActive { [self] in
            try image.append(bytes)
            try keepNow(image)
        }
    }

    private func keepNow(_ image: IncomingImage) throws {
        let destination = directory.url.appending(path: SweepDirectory.imagePath(sha256: image.offer.sha256))
        let folder = destination.deletingLastPathComponent().path
        if durableFolders.withLock({ !$0.contains(folder) }) {
            try DurableFile.makeDirectory(folder)
            _ = durableFolders.withLock { $0.insert(folder) }
        }
        undecided.withLock { $0[image.offer.sha256, default: Undecided()].uploads += 1 }
        do {
            try image.move(to: destination.path)
            try DurableFile.syncDirectory(folder)
        } catch {
            // What became of the file is not known; it is kept for whoever needs it.
            settleNow(image.offer.sha256, isNeeded: true)
            throw error
        }
    }

    /// Says what the database made of an upload that ``keep(_:)`` put in its place, and removes a file that no row needs.
    ///
    /// Of several uploads of the same bytes the last one to be settled decides, when none of them is needed. Removing
    /// is the last upload's alone, and none begins meanwhile: the lock is held.
    ///
    /// - Parameters:
    ///   - image: The upload.
    ///   - isNeeded: Whether a row has, or may have, its hash. When in doubt, the file stays.
    func settle(_ image: IncomingImage, isNeeded: Bool) async {
        let sha256 = image.offer.sha256
        // Refused only when the threads have ended; then the file stays, which harms nothing.
        try? await threads.runIfActive { [self] in settleNow(sha256, isNeeded: isNeeded) }
    }

    private func settleNow(_ sha256: String, isNeeded: Bool) {
        undecided.withLock { undecided in
            guard var file = undecided[sha256] else { return }
            file.uploads -= 1
            file.isNeeded = file.isNeeded || isNeeded
            undecided[sha256] = file.uploads > 0 ? file : nil
            guard file.uploads == 0, !file.isNeeded else { return }
            unlink(directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256)).path)
        }
    }

    /// Throws an upload away.
    func discard(_ image: IncomingImage) async {
        // Refused only when the threads have ended; then the file is removed at the next start.
        try? await threads.runIfActive { image.discard() }
    }

    /// Room for more; `nil` when the store is ending and can't ask.
    func room() async -> DiskRoom? {
        try? await threads.runIfActive { [self] in diskRoom(directory) }
    }
}
