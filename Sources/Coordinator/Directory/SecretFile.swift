import Foundation
import Glibc
import SharedModel

/// The files of a sweep's directory that hold secrets, readable by their owner alone.
enum SecretFile {
    /// No secret of ours is longer.
    private static let longest = 64 * 1024

    /// The secret of the directory's own join token, made at its first start.
    ///
    /// - Throws: ``CoordinatorError/exposedSecret(path:)`` when others may read the file, and for a damaged one.
    static func load(_ directory: SweepDirectory) throws -> JoinSecret {
        let path = directory.secret.path
        guard let text = try text(at: path) else { return try make(directory) }
        guard let secret = JoinSecret(base64URL: text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
            throw CoordinatorError.badSecret(path: path)
        }
        return secret
    }

    /// Replaces the secret of the directory's own join token by a new one.
    static func make(_ directory: SweepDirectory) throws -> JoinSecret {
        let secret = JoinSecret()
        try write(secret.base64URL + "\n", to: directory.secret.path)
        return secret
    }

    /// All of a file that holds a secret.
    ///
    /// - Returns: `nil` when there is no such file.
    /// - Throws: ``CoordinatorError/exposedSecret(path:)`` when others may read the file.
    static func text(at path: String) throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let attributes: [FileAttributeKey: Any]
        do {
            attributes = try FileManager.default.attributesOfItem(atPath: path)
        } catch {
            throw DurableFile.error(path, "Reading", code: EACCES)
        }
        guard let mode = attributes[.posixPermissions] as? Int, mode & 0o077 == 0 else {
            throw CoordinatorError.exposedSecret(path: path)
        }
        guard access(path, R_OK) == 0 else { throw DurableFile.error(path, "Reading") }
        guard let size = attributes[.size] as? Int, size <= longest,
            let text = try? String(contentsOfFile: path, encoding: .utf8)
        else {
            throw CoordinatorError.badSecret(path: path)
        }
        return text
    }

    /// Writes a file that its owner alone can read, durably.
    static func write(_ text: String, to path: String) throws {
        try DurableFile.replace(path, with: Array(text.utf8), mode: 0o600)
    }
}
