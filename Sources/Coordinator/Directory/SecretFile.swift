import Foundation
import Glibc
import SharedModel

/// The file that keeps a join secret over restarts, readable by its owner alone.
enum SecretFile {
    /// The secret of the directory, made at its first start.
    ///
    /// - Throws: ``CoordinatorError/exposedSecret(path:)`` when others may read the file, and for a damaged one.
    static func load(_ directory: SweepDirectory) throws -> JoinSecret {
        let path = directory.secret.path
        var information = stat()
        guard stat(path, &information) == 0 else {
            guard errno == ENOENT else { throw DurableFile.error(path, "Reading") }
            let secret = JoinSecret()
            try DurableFile.replace(path, with: Array((secret.base64URL + "\n").utf8), mode: 0o600)
            return secret
        }
        guard information.st_mode & 0o077 == 0 else { throw CoordinatorError.exposedSecret(path: path) }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8),
            let secret = JoinSecret(base64URL: text.trimmingCharacters(in: .whitespacesAndNewlines))
        else {
            throw CoordinatorError.badSecret(path: path)
        }
        return secret
    }
}
