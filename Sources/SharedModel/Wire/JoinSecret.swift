import Crypto
import Foundation

/// The 256-bit secret that lets a worker in.
///
/// Its description does not show it.
package struct JoinSecret: Sendable {
    static let byteCount = 32

    let bytes: [UInt8]

    /// - Returns: `nil` unless there are exactly 32 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.byteCount else { return nil }
        self.bytes = Array(bytes)
    }

    /// Makes a new secret from the operating system's random numbers.
    package init() {
        var generator = SystemRandomNumberGenerator()
        bytes = (0..<Self.byteCount).map { _ in generator.next() }
    }

    /// - Returns: `nil` unless `text` is base64url of exactly 32 bytes.
    package init?(base64URL text: String) {
        guard let bytes = Base64URL.decode(text) else { return nil }
        self.init(bytes: bytes)
    }

    /// What goes into a hello and into the coordinator's file of mode 0600, nowhere else.
    package var base64URL: String {
        Base64URL.encode(bytes)
    }

    /// SHA-256 of the 32 bytes, as lower-case hexadecimal digits: enough to know the secret again, not to use it.
    ///
    /// A plain hash will do: nobody can try 2^256 secrets.
    package var sha256: String {
        Hexadecimal.encode(SHA256.hash(data: bytes))
    }

    /// Whether `text` is this secret as ``base64URL``, found out in a time that does not depend on how much agrees.
    package func matches(_ text: String) -> Bool {
        let ours = Array(base64URL.utf8)
        let theirs = Array(text.utf8)
        guard ours.count == theirs.count else { return false }
        return zip(ours, theirs).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

extension JoinSecret: Equatable {
    package static func == (left: JoinSecret, right: JoinSecret) -> Bool {
        left.matches(right.base64URL)
    }
}

extension JoinSecret: CustomStringConvertible, CustomReflectable {
    package var description: String { "<secret>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// base64url without padding (RFC 4648, section 5).
enum Base64URL {
    static func encode(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString()
            .replacingOccurrences(of: "+", with: "-")
            .replacingOccurrences(of: "/", with: "_")
            .replacingOccurrences(of: "=", with: "")
    }

    /// - Returns: `nil` when `text` is not what ``encode(_:)`` writes: other letters, padding, or stray low bits.
    static func decode(_ text: String) -> [UInt8]? {
        let standard = text.replacingOccurrences(of: "-", with: "+").replacingOccurrences(of: "_", with: "/")
        let padding = String(repeating: "=", count: (4 - standard.utf8.count % 4) % 4)
        guard let bytes = Data(base64Encoded: standard + padding).map(Array.init), encode(bytes) == text else {
            return nil
        }
        return bytes
    }
}
