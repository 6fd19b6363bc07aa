import Crypto
package import Foundation
import Glibc
import NIOCore
package import NIOSSL
import SharedModel
import SwiftASN1
import X509

/// The key and the certificate that encrypt the pages beyond this host.
///
/// A browser knows nothing of join tokens, so it is shown a certificate that names the host's addresses: a person compares
/// its fingerprint once, or lets the system trust the file. One that somebody else vouches for can take its place.
package struct PageIdentity: Sendable {
    /// What a browser shows of a certificate: the SHA-256 of its DER, `AB:CD:…`.
    package let fingerprint: String
    private let chain: [NIOSSLCertificate]
    private let key: NIOSSLPrivateKey

    /// Clocks differ: a certificate is valid a day before it was made.
    private static let clockSkew: TimeInterval = 24 * 3600
    /// No browser takes a certificate of more than 398 days without complaint.
    private static let lifetime: TimeInterval = 397 * 24 * 3600
    /// One that ends sooner is made anew at the next start.
    private static let renewal: TimeInterval = 30 * 24 * 3600

    /// The identity of a directory, in `web.pem`: made when it is missing, does not name all of `hosts`, or ends soon.
    /// Blocks.
    ///
    /// - Parameters:
    ///   - directory: Of the sweep.
    ///   - hosts: Names and addresses under which browsers come.
    ///   - now: Wall time.
    /// - Returns: What the pages show of themselves.
    /// - Throws: ``CoordinatorError/exposedSecret(path:)`` when others may read the file, and for a damaged one.
    package static func load(
        _ directory: SweepDirectory, hosts: Set<String>, now: Date = Date()
    ) throws -> PageIdentity {
        let path = directory.webIdentity.path
        if let pem = try SecretFile.text(at: path) {
            do {
                let documents = try PEMDocument.parseMultiple(pemString: pem)
                guard documents.count == 2 else { throw CoordinatorError.badSecret(path: path) }
                let certificate = try Certificate(pemDocument: documents[1])
                let names = try certificate.extensions.subjectAlternativeNames.map(Set.init) ?? []
                if certificate.notValidAfter > now + renewal, names.isSuperset(of: hosts.compactMap(name)) {
                    return try PageIdentity(key: documents[0].derBytes, certificate: documents[1].derBytes)
                }
            } catch {
                throw CoordinatorError.badSecret(path: path)
            }
        }
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let certificate = try make(hosts: hosts, key: key, now: now).serializeAsPEM()
        let keyDocument = try key.serializeAsPEM()
        try SecretFile.write(keyDocument.pemString + "\n" + certificate.pemString + "\n", to: path)
        return try PageIdentity(key: keyDocument.derBytes, certificate: certificate.derBytes)
    }

    /// A certificate of one's own, as authorities hand them out.
    ///
    /// - Parameters:
    ///   - certificate: A PEM file with the certificate and those that vouch for it.
    ///   - key: A PEM file with its private key.
    /// - Throws: ``CoordinatorError/option(name:value:wanted:)`` when one of them is none.
    package init(certificate: String, key: String) throws {
        let wanted = "a PEM file that can be read"
        guard let chain = try? NIOSSLCertificate.fromPEMFile(certificate), let first = chain.first else {
            throw CoordinatorError.option(name: "--web-certificate", value: certificate, wanted: wanted)
        }
        guard let privateKey = try? NIOSSLPrivateKey(file: key, format: .pem) else {
            throw CoordinatorError.option(name: "--web-key", value: key, wanted: wanted)
        }
        self.chain = chain
        self.key = privateKey
        fingerprint = Self.fingerprint(try first.toDERBytes())
        // Tells now that the two do not belong together.
        guard (try? serverContext()) != nil else {
            throw CoordinatorError.option(
                name: "--web-key", value: key, wanted: "the private key that belongs to \(certificate)")
        }
    }

    private init(key: [UInt8], certificate: [UInt8]) throws {
        chain = [try NIOSSLCertificate(bytes: certificate, format: .der)]
        self.key = try NIOSSLPrivateKey(bytes: key, format: .der)
        fingerprint = Self.fingerprint(certificate)
    }

    /// What encrypts the connections of browsers.
    ///
    /// - Throws: `NIOSSLError` when BoringSSL does not take the key.
    package func serverContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        // Every browser since 2018 has it.
        configuration.minimumTLSVersion = .tlsv13
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = .seconds(1)
        return try NIOSSLContext(configuration: configuration)
    }

    private static func make(hosts: Set<String>, key: Certificate.PrivateKey, now: Date) throws -> Certificate {
        let name = try DistinguishedName { CommonName("tmdne pages") }
        let extensions = try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            try ExtendedKeyUsage([.serverAuth])
            SubjectAlternativeNames(hosts.sorted().compactMap(Self.name))
        }
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
            notValidBefore: now - clockSkew, notValidAfter: now - clockSkew + lifetime, issuer: name, subject: name,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: key)
    }

    /// An address or a DNS name as certificates have them; `nil` for what is neither.
    private static func name(_ host: String) -> GeneralName? {
        for (family, length) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: length)
            if inet_pton(family, host, &bytes) == 1 {
                return .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
            }
        }
        let isName = !host.isEmpty && host.utf8.count < 254 && host.allSatisfy { $0.isASCII && !$0.isWhitespace }
        return isName ? .dnsName(host.lowercased()) : nil
    }

    private static func fingerprint(_ der: [UInt8]) -> String {
        let digits = Hexadecimal.encode(Array(SHA256.hash(data: der))).uppercased()
        return stride(from: 0, to: digits.count, by: 2).map { digits.dropFirst($0).prefix(2) }.joined(separator: ":")
    }
}
