import Crypto
import Foundation
import NIOCore
import NIOSSL
import SharedModel
import SwiftASN1
import X509

/// The key pair that a coordinator shows to its workers, kept over restarts.
///
/// Nobody vouches for it: the join token names the SHA-256 of the public key, and workers accept that key alone. The
/// certificate around the key is there because TLS wants one; nothing in it is looked at, its dates least of all.
struct ServerIdentity: Sendable {
    /// SHA-256 of the public key, as the DER of its SubjectPublicKeyInfo.
    let publicKeyHash: [UInt8]
    private let certificate: [UInt8]
    private let key: [UInt8]

    /// The identity of the directory, made at its first start: a P-256 key and a self-signed certificate in one file, so
    /// that a crash leaves both or neither.
    ///
    /// - Throws: ``CoordinatorError/exposedSecret(path:)`` when others may read the file, and for a damaged one.
    static func load(_ directory: SweepDirectory) throws -> ServerIdentity {
        let path = directory.tls.path
        if let text = try SecretFile.text(at: path) { return try ServerIdentity(pem: text, path: path) }
        let text = try makePEM()
        try SecretFile.write(text, to: path)
        return try ServerIdentity(pem: text, path: path)
    }

    /// The identity that an earlier start has made; `nil` when there is none.
    static func existing(_ directory: SweepDirectory) throws -> ServerIdentity? {
        let path = directory.tls.path
        return try SecretFile.text(at: path).map { try ServerIdentity(pem: $0, path: path) }
    }

    private init(pem: String, path: String) throws {
        do {
            let documents = try PEMDocument.parseMultiple(pemString: pem)
            guard documents.count == 2 else { throw CoordinatorError.badSecret(path: path) }
            let key = try Certificate.PrivateKey(pemDocument: documents[0])
            let certificate = try Certificate(pemDocument: documents[1])
            guard certificate.publicKey == key.publicKey else { throw CoordinatorError.badSecret(path: path) }
            self.key = documents[0].derBytes
            self.certificate = documents[1].derBytes
            publicKeyHash = Array(SHA256.hash(data: try certificate.publicKey.serializeAsPEM().derBytes))
        } catch {
            throw CoordinatorError.badSecret(path: path)
        }
    }

    /// What encrypts the connections of workers.
    ///
    /// - Throws: `NIOSSLError` when BoringSSL does not take the key.
    func serverContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(try NIOSSLCertificate(bytes: certificate, format: .der))],
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: key, format: .der)))
        configuration.minimumTLSVersion = .tlsv13
        // A worker that is cut off has no claim to a long goodbye.
        configuration.shutdownTimeout = .seconds(1)
        return try NIOSSLContext(configuration: configuration)
    }

    private static func makePEM() throws -> String {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let name = try DistinguishedName { CommonName("tmdne coordinator") }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: Date(timeIntervalSince1970: 0),
            // “No well-defined expiration date” of RFC 5280, section 4.1.2.5: 99991231235959Z.
            notValidAfter: Date(timeIntervalSince1970: 253_402_300_799),
            issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256, extensions: Certificate.Extensions(),
            issuerPrivateKey: key)
        return try key.serializeAsPEM().pemString + "\n" + certificate.serializeAsPEM().pemString + "\n"
    }
}
