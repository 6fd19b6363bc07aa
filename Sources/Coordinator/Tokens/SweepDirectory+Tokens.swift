package import Foundation
package import SharedModel

extension SweepDirectory {
    /// Makes a token that lets workers join the sweep of this directory. A running coordinator knows it at once.
    ///
    /// - Parameters:
    ///   - name: What to call it; a free name of the form `token-N` when `nil`.
    ///   - expires: When it stops letting new workers in.
    ///   - uses: How many workers it lets in.
    ///   - address: Hosts and port to name in it; where the coordinator listened last when `nil`.
    ///   - now: Wall time.
    /// - Returns: The token, which is kept nowhere: only its hash is.
    /// - Throws: ``CoordinatorError``, ``WireError`` for hosts that can't be.
    package func makeToken(
        name: String?, expires: Date?, uses: Int?, address: (hosts: [String], port: Int)? = nil, now: Date = Date()
    ) throws -> (record: TokenRecord, token: JoinToken) {
        guard holdsSweep else { throw CoordinatorError.noSweep(directory: url.path) }
        let files = TokenFiles(self)
        let listening = try ListeningAddress.load(self)
        guard let address = address ?? listening.map({ ($0.hosts, $0.port) }) else {
            throw CoordinatorError.neverServed(directory: url.path)
        }
        let known = try Set(files.all().map(\.name))
        let name = name ?? (1...).lazy.map { "token-\($0)" }.first { !known.contains($0) } ?? "token"
        guard !known.contains(name), name != TokenRecord.defaultName else {
            throw CoordinatorError.tokenExists(name: name)
        }
        let secret = JoinSecret()
        let record = try TokenRecord(name: name, secret: secret, created: now, expires: expires, uses: uses)
        // One that listens without encryption has no use for the key that it may have.
        let identity = listening?.isEncrypted == false ? nil : try ServerIdentity.existing(self)
        let token = try JoinToken(
            hosts: address.hosts, port: address.port, secret: secret, publicKeyHash: identity?.publicKeyHash,
            expiry: expires)
        try files.write(record)
        return (record, token)
    }

    /// The secret of the directory's own token, which is a new one after the last was revoked.
    func ownSecret() throws -> JoinSecret {
        let files = TokenFiles(self)
        let known = try files.record(named: TokenRecord.defaultName)
        let isRevoked = known?.revoked != nil
        let secret = isRevoked ? try SecretFile.make(self) : try SecretFile.load(self)
        if known?.sha256 != secret.sha256 {
            try files.write(TokenRecord(name: TokenRecord.defaultName, secret: secret, created: Date()))
        }
        return secret
    }

    /// The token of a name as its file has it now; `nil` when there is none.
    package func token(named name: String) throws -> TokenRecord? {
        try TokenFiles(self).record(named: name)
    }

    /// The token that a secret belongs to and how it stands; `nil` when it belongs to none.
    package func token(
        holding secret: JoinSecret, now: Date
    ) throws -> (record: TokenRecord, state: TokenRecord.State)? {
        guard let record = TokenRegistry.record(of: secret, among: try TokenFiles(self).all()) else { return nil }
        let joined = record.uses == nil ? 0 : try SweepReader(self).admissions()[record.sha256] ?? 0
        return (record, record.state(joined: joined, at: now))
    }

    /// All tokens with the number of workers that each has let in.
    package func tokens() throws -> [(record: TokenRecord, joined: Int)] {
        let joined = try SweepReader(self).admissions()
        return try TokenFiles(self).all().map { ($0, joined[$0.sha256] ?? 0) }
    }

    /// Lets nobody in with a token any more, and has the running coordinator send away who came in with it.
    ///
    /// - Throws: ``CoordinatorError/noToken(name:)`` when there is no such token.
    package func revokeToken(named name: String, now: Date = Date()) throws {
        let files = TokenFiles(self)
        guard var record = try files.record(named: name) else { throw CoordinatorError.noToken(name: name) }
        guard record.revoked == nil else { return }
        record.revoked = now
        try files.write(record)
    }
}

/// Where the coordinator of a directory listened last, for tokens that are made beside it.
struct ListeningAddress: Codable, Equatable, Sendable {
    var hosts: [String]
    var port: Int
    var isEncrypted: Bool

    /// - Returns: `nil` before the first start.
    static func load(_ directory: SweepDirectory) throws -> ListeningAddress? {
        let path = directory.listening.path
        guard let data = FileManager.default.contents(atPath: path) else { return nil }
        guard let address = try? JSONDecoder().decode(ListeningAddress.self, from: data) else {
            throw CoordinatorError.badToken(path: path)
        }
        return address
    }

    func write(to directory: SweepDirectory) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
        guard let data = try? encoder.encode(self) else { return }
        try DurableFile.replace(directory.listening.path, with: Array(data), mode: 0o644)
    }
}
