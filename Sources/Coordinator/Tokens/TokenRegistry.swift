import Foundation
import SharedModel
import Synchronization

/// The join tokens that a running coordinator knows, as the files had them a moment ago.
final class TokenRegistry: Sendable {
    /// What is to be said to a secret, as far as the files tell; the database knows who has used it.
    enum Verdict: Equatable, Sendable {
        case known(TokenRecord)
        case revoked(TokenRecord)
        case unknown
    }

    private let files: TokenFiles
    private let records: Mutex<[TokenRecord]>

    /// Reads the tokens. Blocks.
    init(_ files: TokenFiles) throws {
        self.files = files
        records = Mutex(try files.all())
    }

    /// Reads the tokens again. Blocks.
    ///
    /// - Throws: ``CoordinatorError``, also when all are gone with their folder, as when a disk is; what was known stays so.
    func reload() throws {
        let all = try files.all(isExpected: !records.withLock(\.self).isEmpty)
        records.withLock { $0 = all }
    }

    /// What the secret of a hello is worth.
    func verdict(on text: String) -> Verdict {
        guard let secret = JoinSecret(base64URL: text),
            let found = Self.record(of: secret, among: records.withLock(\.self))
        else { return .unknown }
        return found.revoked == nil ? .known(found) : .revoked(found)
    }

    /// The token of a secret; every token is compared in full, so that time tells nothing.
    static func record(of secret: JoinSecret, among records: [TokenRecord]) -> TokenRecord? {
        let hash = Array(secret.sha256.utf8)
        var found: TokenRecord?
        for record in records {
            let difference = zip(record.sha256.utf8, hash).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) }
            if difference == 0 { found = record }
        }
        return found
    }

    /// The hashes of all tokens that have been revoked.
    var revoked: Set<String> {
        Set(records.withLock(\.self).filter { $0.revoked != nil }.map(\.sha256))
    }
}
