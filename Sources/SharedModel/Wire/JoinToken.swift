import Crypto
package import Foundation

/// Everything a worker needs to join: where the coordinator listens and the secret that lets it in.
///
/// Written as `tmdne1_` and base64url of `flags u8 | secret 32 | port u16 | count u8 | count x (length u8, host) |
/// [key hash 32] | [expiry u64] | checksum 4`, big-endian; the checksum is the start of the SHA-256 of what stands
/// before it.
package struct JoinToken: Equatable, Sendable {
    package static let prefix = "tmdne1_"
    private static let longest = 4096
    private static let checksumBytes = 4
    private static let keyHashBytes = 32

    /// Names and addresses of the coordinator, to be tried in this order; at least one.
    package let hosts: [String]
    package let port: Int
    package let secret: JoinSecret
    /// SHA-256 of the coordinator's public key; `nil`: the connection is not encrypted.
    package let publicKeyHash: [UInt8]?
    /// When the token stops being valid, to the second; `nil`: never.
    package let expiry: Date?

    /// - Throws: ``WireError/token(_:)`` when a part does not fit.
    package init(
        hosts: [String], port: Int, secret: JoinSecret, publicKeyHash: [UInt8]? = nil, expiry: Date? = nil
    ) throws(WireError) {
        guard (1...8).contains(hosts.count) else { throw .token("it must name 1 to 8 hosts") }
        for host in hosts where !Self.isHost(host) {
            throw .token("“\(WireText.line(host, longest: 64))” is not a host name or address")
        }
        guard (1...Int(UInt16.max)).contains(port) else { throw .token("port \(port) is not in 1 to 65535") }
        guard publicKeyHash.map({ $0.count == Self.keyHashBytes }) ?? true else {
            throw .token("its key hash is not 32 bytes long")
        }
        if let expiry, Self.seconds(of: expiry) == nil { throw .token("its expiry is out of range") }
        self.hosts = hosts
        self.port = port
        self.secret = secret
        self.publicKeyHash = publicKeyHash
        self.expiry = expiry
    }

    /// Reads a token as people paste it; white space around it is ignored.
    ///
    /// - Throws: ``WireError/token(_:)``, also for a single mistyped character.
    package init(parsing text: String) throws(WireError) {
        let trimmed = text.trimmingCharacters(in: .whitespacesAndNewlines)
        guard trimmed.hasPrefix(Self.prefix) else { throw .token("it does not begin with \(Self.prefix)") }
        guard trimmed.utf8.count <= Self.longest else { throw .token("it is longer than a token can be") }
        guard let bytes = Base64URL.decode(String(trimmed.dropFirst(Self.prefix.count))) else {
            throw .token("it is cut off or holds characters that no token has")
        }
        guard bytes.count > Self.checksumBytes,
            Self.checksum(of: bytes.dropLast(Self.checksumBytes)) == Array(bytes.suffix(Self.checksumBytes))
        else {
            throw .token("its checksum does not match, so it was mistyped or cut off")
        }
        var reader = Reader(bytes: bytes.dropLast(Self.checksumBytes))
        guard let flags = reader.take(1)?.first, flags & ~0b11 == 0,
            let secret = reader.take(JoinSecret.byteCount).flatMap(JoinSecret.init(bytes:)),
            let port = reader.integer(2), let count = reader.integer(1)
        else {
            throw .token("it was made by another version of tmdne")
        }
        var hosts: [String] = []
        for _ in 0..<count {
            guard let length = reader.integer(1), let host = reader.take(Int(length)).flatMap(Self.text) else {
                throw .token("its list of hosts is cut off")
            }
            hosts.append(host)
        }
        var publicKeyHash: [UInt8]?
        if flags & 1 != 0 {
            guard let hash = reader.take(Self.keyHashBytes) else { throw .token("its key hash is cut off") }
            publicKeyHash = Array(hash)
        }
        var expiry: Date?
        if flags & 2 != 0 {
            guard let seconds = reader.integer(8) else { throw .token("its expiry is cut off") }
            expiry = Date(timeIntervalSince1970: Double(seconds))
        }
        guard reader.isAtEnd else { throw .token("it is longer than its parts") }
        try self.init(
            hosts: hosts, port: Int(port), secret: secret, publicKeyHash: publicKeyHash, expiry: expiry)
    }

    /// Whether all its hosts are this machine, so that what is said to them crosses no network.
    package var isLocal: Bool {
        hosts.allSatisfy(Loopback.contains)
    }

    /// The token as it is pasted into a worker's command line. It holds the secret: print it once, log it never.
    package var text: String {
        let flags: UInt8 = (publicKeyHash == nil ? 0 : 1) | (expiry == nil ? 0 : 2)
        var bytes: [UInt8] = [flags] + secret.bytes
        bytes += Self.bigEndian(UInt16(clamping: port))
        bytes.append(UInt8(clamping: hosts.count))
        for host in hosts {
            bytes.append(UInt8(clamping: host.utf8.count))
            bytes += Array(host.utf8)
        }
        bytes += publicKeyHash ?? []
        if let seconds = expiry.flatMap(Self.seconds) { bytes += Self.bigEndian(seconds) }
        return Self.prefix + Base64URL.encode(bytes + Self.checksum(of: bytes[...]))
    }

    private static func isHost(_ host: String) -> Bool {
        let letters = host.utf8
        return (1...253).contains(letters.count)
            && letters.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: ":"), UInt8(ascii: "%"):
                    true
                default:
                    false
                }
            }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String? {
        String(validating: bytes, as: UTF8.self)
    }

    private static func seconds(of date: Date) -> UInt64? {
        UInt64(exactly: date.timeIntervalSince1970.rounded(.down))
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian, Array.init)
    }

    private static func checksum(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        Array(SHA256.hash(data: bytes).prefix(checksumBytes))
    }
}

extension JoinToken: CustomStringConvertible {
    /// Says where the token leads, not what it holds.
    package var description: String {
        "join token for \(hosts.joined(separator: ", ")), port \(port)"
    }
}

/// Takes a token apart from the front, never beyond its end.
private struct Reader {
    var bytes: ArraySlice<UInt8>

    var isAtEnd: Bool { bytes.isEmpty }

    mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard bytes.count >= count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    mutating func integer(_ count: Int) -> UInt64? {
        take(count)?.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
