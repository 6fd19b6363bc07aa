import Crypto
import Foundation
import SharedModel

/// Who may see the pages, decided from a request's headers alone.
///
/// On loopback everybody who can connect may, as long as the browser was led there under a loopback name: another site
/// whose name was bound to this address (DNS rebinding) is turned away. Elsewhere the join token is asked for once.
struct AccessRule: Sendable {
    enum Judgement: Equatable, Sendable {
        case welcome
        /// The person has to show the token first.
        case stranger
        /// The browser came under another name, or another site made it come.
        case foreign(String)
    }

    /// How long a browser stays signed in.
    static let sessionDuration = Duration.seconds(30 * 24 * 3600)

    private let secret: JoinSecret
    private let isOpen: Bool
    private let names: Set<String>

    /// - Parameters:
    ///   - secret: What the token holds.
    ///   - isOpen: Whether no token is asked for; for loopback.
    ///   - names: Names, beside numeric addresses, under which the host may be called.
    init(secret: JoinSecret, isOpen: Bool, names: Set<String>) {
        self.secret = secret
        self.isOpen = isOpen
        self.names = Set(names.map { $0.lowercased() })
    }

    /// - Parameters:
    ///   - host: The host that the browser believes to be talking to, with its port.
    ///   - origin: The `Origin` header.
    ///   - isChange: Whether the request can change something.
    ///   - session: The value of the session's cookie.
    ///   - now: Wall time.
    /// - Returns: Whether the request is answered.
    func judge(host: String?, origin: String?, isChange: Bool, session: String?, now: Date) -> Judgement {
        guard let host, isOurs(Self.name(of: host)) else {
            return .foreign("This host is not served here under that name; use its address or --web-name.")
        }
        if let origin, origin != "http://\(host)", origin != "https://\(host)" {
            return .foreign("Another site sent this request; open the page itself.")
        }
        // Browsers send an origin with every POST and DELETE.
        if isChange && origin == nil {
            return .foreign("A change must come from a page; the Origin header is missing.")
        }
        return isOpen || session.map({ isValid(session: $0, now: now) }) == true ? .welcome : .stranger
    }

    /// Whether a text that a person pasted holds the secret: a join token, the line around it, or the secret alone.
    func admits(_ text: String) -> Bool {
        let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
        guard let word = words.last else { return false }
        if let token = try? JoinToken(parsing: word) { return token.secret == secret }
        return secret.matches(word)
    }

    /// The value of a cookie for somebody who has shown the token: when it ends, and a code that only we can make.
    func session(now: Date) -> String {
        let end = "\(Int(now.timeIntervalSince1970) + Int(Self.sessionDuration.components.seconds))"
        return "\(end).\(code(end))"
    }

    func isValid(session: String, now: Date) -> Bool {
        let parts = session.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2, let end = Int(parts[0]), "\(end)" == parts[0] else { return false }
        return Double(end) > now.timeIntervalSince1970 && Self.isEqual(parts[1], code(parts[0]))
    }

    private func code(_ text: String) -> String {
        let key = SymmetricKey(data: Data("tmdne web session \(secret.base64URL)".utf8))
        return Hexadecimal.encode(Array(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key)))
    }

    /// In a time that does not depend on how much agrees.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    private func isOurs(_ name: String) -> Bool {
        if ["localhost", "127.0.0.1", "[::1]"].contains(name) || names.contains(name) { return true }
        // A numeric address is never looked up, so nobody can bind it to another site's name.
        return !isOpen && (name.hasPrefix("[") || name.allSatisfy { $0.isNumber && $0.isASCII || $0 == "." })
    }

    /// The host without its port, in lower case.
    private static func name(of host: String) -> String {
        let lower = host.lowercased()
        if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
        return String(lower.prefix { $0 != ":" })
    }
}
