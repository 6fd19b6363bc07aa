import Crypto
import Foundation
import Glibc
import SharedModel
import Synchronization

/// An upload that is not whole yet: a temporary file, hashed and checked as it grows.
///
/// Its methods block and belong on the image store's threads. Dropping it removes the file.
final class IncomingImage: Sendable {
    private struct State {
        var hash = SHA256()
        var gate: PNGGate
        /// What has come before the image data; empty again from there on.
        var head: [UInt8] = []
        var received = 0
        var isMoved = false
    }

    /// Most bytes before the image data: what an image says of itself takes a few thousand.
    private static let longestHead = 1 << 20

    let offer: Offer
    private let path: String
    private let descriptor: Int32
    private let state: Mutex<State>

    init(_ offer: Offer, width: Int, height: Int, folder: URL) throws {
        self.offer = offer
        path = folder.appending(path: String(UInt64.random(in: .min ... .max), radix: 16) + ".part").path
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw DurableFile.error(path, "Making") }
        state = Mutex(State(gate: PNGGate(width: width, height: height)))
    }

    deinit {
        Glibc.close(descriptor)
        discard()
    }

    /// Removes the file, unless it has been moved to its place.
    func discard() {
        state.withLock { state in
            if !state.isMoved { unlink(path) }
            state.isMoved = true
        }
    }

    /// How many bytes have come.
    var received: Int {
        state.withLock(\.received)
    }

    /// Takes the next bytes.
    ///
    /// - Throws: ``ImageRefusal`` when they can't belong to the image, ``CoordinatorError`` when the disk failed.
    func append(_ bytes: [UInt8]) throws {
        try state.withLock { state in
            state.received += bytes.count
            guard state.received <= offer.bytes else {
                throw ImageRefusal(reason: "The image is longer than the \(offer.bytes) bytes that were offered.")
            }
            try check(bytes, &state)
            state.hash.update(data: bytes)
            try DurableFile.write(bytes, to: descriptor, path: path)
        }
    }

    /// Checks the next bytes, and as soon as the image data begins whether the image says that it is of another cell: then it
    /// would be taken for that one's when the database has to be made again.
    private func check(_ bytes: [UInt8], _ state: inout State) throws(ImageRefusal) {
        guard !state.gate.hasImageData else { return try state.gate.check(bytes) }
        state.head += bytes
        try state.gate.check(bytes)
        guard state.gate.hasImageData else {
            guard state.head.count <= Self.longestHead else {
                throw ImageRefusal(reason: "The image has more than \(Self.longestHead) bytes before its image data.")
            }
            return
        }
        let metadata = try StoredImage.metadata(in: state.head)
        state.head = []
        guard let metadata, metadata.key != offer.cell else { return }
        throw ImageRefusal(
            reason: "The image says that it is of cell \(metadata.key.hex.prefix(12))…, not the one offered.")
    }

    /// Checks the whole, and moves it to `destination`, durably but for the entry in its directory.
    ///
    /// - Throws: ``ImageRefusal`` when it is not what was offered, ``CoordinatorError`` when the disk failed. A file
    ///   whose sync failed is never synced again: what the disk holds of it is unknown.
    func move(to destination: String) throws {
        try state.withLock { state in
            try state.gate.finish()
            guard Hexadecimal.encode(state.hash.finalize()) == offer.sha256 else {
                throw ImageRefusal(reason: "The image's SHA-256 is not the one that was offered.")
            }
            guard fsync(descriptor) == 0 else { throw DurableFile.error(path, "Syncing") }
            guard rename(path, destination) == 0 else { throw DurableFile.error(destination, "Renaming to") }
            state.isMoved = true
        }
    }
}
