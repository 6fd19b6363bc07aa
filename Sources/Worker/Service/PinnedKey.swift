import Crypto
import NIOCore
import NIOSSL
import SharedModel

/// The one public key that a coordinator may show; nothing is said to anybody else.
struct PinnedKey: Sendable {
    private let hash: [UInt8]
    private let context: NIOSSLContext

    /// - Parameter hash: SHA-256 of the key's SubjectPublicKeyInfo, as the join token has it.
    /// - Throws: `NIOSSLError` when TLS can't be set up at all.
    init(hash: [UInt8]) throws {
        self.hash = hash
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        // No authority vouches for a coordinator and no name is checked: the key itself is. With `.none` the callback
        // below would never be asked.
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .certificates([])
        configuration.shutdownTimeout = .seconds(1)
        context = try NIOSSLContext(configuration: configuration)
    }

    /// What encrypts a connection; it goes first in the pipeline, and lets nothing out before the key was seen.
    ///
    /// - Parameter onMismatch: Called on the event loop when the other side shows another key; the connection then fails.
    /// - Returns: The handler.
    /// - Throws: `NIOSSLError` when BoringSSL makes no connection.
    func handler(onMismatch: @escaping @Sendable () -> Void) throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: nil) { [hash] certificates, verdict in
            guard let key = try? certificates.first?.extractPublicKey().toSPKIBytes(),
                Self.equal(Array(SHA256.hash(data: key)), hash)
            else {
                onMismatch()
                return verdict.succeed(.failed)
            }
            verdict.succeed(.certificateVerified)
        }
    }

    private static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension JoinToken {
    /// The key to be demanded of the coordinator; `nil` on a host's own loopback, where nothing needs to be hidden.
    ///
    /// - Throws: ``WorkerError`` for a token that would have the secret cross a network for all to read.
    func pinnedKey() throws -> PinnedKey? {
        guard let publicKeyHash else {
            guard isLocal else { throw WorkerError.unencryptedToken(hosts: hosts.joined(separator: ", ")) }
            return nil
        }
        do {
            return try PinnedKey(hash: publicKeyHash)
        } catch {
            throw WorkerError.encryptionUnavailable(problem: "\(error)")
        }
    }
}
