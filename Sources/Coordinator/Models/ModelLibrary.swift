import Foundation
import Glibc
import NIOPosix
import SharedModel
import Synchronization

/// The sweep's models as workers fetch them: what each consists of, and pieces of its files.
///
/// A worker names a model by its fingerprint and a file by its hash; which path that means is decided here alone.
final class ModelLibrary: Sendable {
    /// Finds the model of this host that has a name and a fingerprint. Blocks, for as long as hashing it takes.
    typealias Finder = @Sendable (_ name: String, _ fingerprint: String) throws -> String

    private let store: SweepStore
    private let find: Finder?
    /// One, so that a model that a hundred workers ask for at the same time is hashed once.
    private let thread = NIOThreadPool(numberOfThreads: 1)
    private let manifests = Mutex<[String: ModelManifest]>([:])

    init(store: SweepStore, find: Finder?) {
        self.store = store
        self.find = find
        thread.start()
    }

    func close() async {
        // Fails only when it was closed before.
        try? await thread.shutdownGracefully()
    }

    /// The files of a model, or why they can't be had.
    func offer(of fingerprint: String) async -> ModelOffer {
        do {
            guard let name = try await store.modelName(of: fingerprint) else {
                return .init(fingerprint: fingerprint, files: [], reason: "No cell of the sweep needs this model.")
            }
            guard let find else {
                return .init(fingerprint: fingerprint, files: [], reason: "This coordinator gives no models away.")
            }
            let manifest = try await thread.runIfActive { [self] in
                if let known = manifests.withLock({ $0[fingerprint] }) { return known }
                let manifest = try ModelManifest(of: find(name, fingerprint))
                guard manifest.fingerprint == fingerprint else {
                    throw SharedModelError.modelDiffers(name: name, fingerprint: fingerprint, places: [])
                }
                manifests.withLock { $0[fingerprint] = manifest }
                return manifest
            }
            let files = manifest.files.map { ModelOffer.File(name: $0.name, sha256: $0.sha256, bytes: $0.bytes) }
            guard files.count <= WireLimits.modelFiles else {
                return .init(fingerprint: fingerprint, files: [], reason: "The model has too many files to send.")
            }
            return ModelOffer(fingerprint: fingerprint, files: files)
        } catch {
            return .init(fingerprint: fingerprint, files: [], reason: "The coordinator has no such model now: \(error)")
        }
    }

    /// A piece of a file of a model that was listed before, or why it can't be had.
    func piece(_ fetch: Fetch) async -> CoordinatorMessage {
        let refusal = { (reason: String) in
            CoordinatorMessage.model(ModelOffer(fingerprint: fetch.fingerprint, files: [], reason: reason))
        }
        let known = manifests.withLock { $0[fetch.fingerprint] }
        guard let file = known?.files.first(where: { $0.sha256 == fetch.sha256 }), fetch.offset < file.bytes else {
            return refusal("No such piece of a model was listed; ask for its files first.")
        }
        do {
            return .piece(try await NIOThreadPool.singleton.runIfActive { try Self.read(file, at: fetch.offset) })
        } catch {
            // It is hashed anew when it is asked for again.
            manifests.withLock { $0[fetch.fingerprint] = nil }
            return refusal("\(error)")
        }
    }

    /// Reads the next piece of a file, as long as a frame may be.
    private static func read(_ file: ModelManifest.File, at offset: Int) throws -> [UInt8] {
        let descriptor = open(file.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DurableFile.error(file.path, "Opening") }
        defer { Glibc.close(descriptor) }
        let wanted = min(WireLimits.chunkBytes, file.bytes - offset)
        var code: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            while count < wanted {
                let part = pread(descriptor, buffer.baseAddress.map { $0 + count }, wanted - count, offset + count)
                if part < 0 && errno == EINTR { continue }
                if part < 0 { code = errno }
                guard part > 0 else { return }
                count += part
            }
        }
        guard piece.count == wanted else {
            throw DurableFile.error(file.path, "Reading", code: code == 0 ? ESTALE : code)
        }
        return piece
    }
}
