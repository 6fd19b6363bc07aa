import Crypto
import Foundation
import SharedModel

/// The models that this host got from coordinators: `CACHE/models/<fingerprint>/`, named by content alone.
///
/// Blocking: used by the engine's thread, which has nothing to do without a model.
package struct ModelCache: Sendable {
    private static let pause = 0.2

    private let folder: String
    private let link: ModelLink?

    /// - Parameters:
    ///   - cache: Directory of all that the workers of this user keep.
    ///   - link: Where to get what is not there; `nil`: nothing is fetched.
    package init(cache: String, link: ModelLink?) {
        folder = "\(cache)/models"
        self.link = link
    }

    /// A model, LoRA or VAE that this host lacks otherwise, fetched when it must be.
    ///
    /// - Parameters:
    ///   - name: What the sweep file calls it.
    ///   - fingerprint: 64 lower-case hexadecimal digits.
    /// - Returns: The path of a folder, or of the file in it when the model has but one.
    /// - Throws: ``WorkerError`` when it can't be had, or when the worker ends meanwhile.
    package func path(of name: String, fingerprint: String) throws -> String {
        guard Hexadecimal.isLowercase(fingerprint, digits: 64) else {
            throw WorkerError.unusableModel(name: name, reason: "its fingerprint is not one")
        }
        if let kept = kept(fingerprint) { return kept }
        let path = "\(folder)/\(fingerprint)"
        guard let link else { throw WorkerError.missingModel(name: WireText.line(name, longest: 256)) }
        let workplace = "\(path).part"
        try Files.makeDirectory(workplace)
        let lock = try Self.lock("\(workplace)/lock", unless: { link.isAborted })
        defer { withExtendedLifetime(lock) {} }
        // Another worker of this host may have fetched it while this one waited.
        if let kept = kept(fingerprint) { return kept }
        // What is there otherwise has changed since, and is in the way.
        try? FileManager.default.removeItem(atPath: path)
        let download = ModelDownload(name: name, fingerprint: fingerprint, workplace: workplace, path: path, link: link)
        try download.run()
        return Self.content(of: path)
    }

    /// Fingerprints of what is there, by its names alone.
    package var fingerprints: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { Hexadecimal.isLowercase($0, digits: 64) }.sorted()
    }

    /// Where a model, LoRA or VAE is that was fetched before and has not changed since; `nil` when it is not there.
    package func kept(_ fingerprint: String) -> String? {
        guard Hexadecimal.isLowercase(fingerprint, digits: 64) else { return nil }
        let path = Self.content(of: "\(folder)/\(fingerprint)")
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return (try? ModelFingerprint.compute(of: path)) == fingerprint ? path : nil
    }

    private static func content(of folder: String) -> String {
        let file = "\(folder)/\(ModelManifest.singleFile)"
        return FileManager.default.fileExists(atPath: file) ? file : folder
    }

    /// Waits until no other worker fetches the same model into the same place.
    private static func lock(_ path: String, unless isOver: () -> Bool) throws(WorkerError) -> FileLock {
        let file = try Files.descriptor(of: path, O_RDWR | O_CREAT)
        while flock(file.number, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else { throw Files.failure(path, "lock") }
            guard !isOver() else { throw .interrupted }
            Thread.sleep(forTimeInterval: pause)
        }
        return FileLock(file)
    }
}

/// A descriptor with a lock on it, which ends when nobody holds it any more.
private final class FileLock {
    private let descriptor: Files.Descriptor

    init(_ descriptor: consuming Files.Descriptor) {
        self.descriptor = descriptor
    }
}
