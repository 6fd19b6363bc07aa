import Coordinator
import Crypto
import Foundation
import NIOPosix
import SharedModel

/// Browsers that have shown a join token.
///
/// A token opens the pages as long as it lets new workers in. The cookie that stands for it names the token, whose file is
/// looked at with every request: it ends with the token, whatever it says itself.
struct Sessions: Sendable {
    /// What is said to somebody who shows a token.
    enum Answer: Equatable, Sendable {
        /// The value of the cookie.
        case welcome(String)
        /// Why not.
        case refused(String)
    }

    /// How long a browser stays signed in.
    static let duration = Duration.seconds(30 * 24 * 3600)

    private let directory: SweepDirectory
    private let secret: JoinSecret

    /// - Parameters:
    ///   - directory: Where the tokens are.
    ///   - secret: That of the directory's own token; without it nobody can make a cookie, nor with it one of a token
    ///     whose hash they don't know.
    init(_ directory: SweepDirectory, secret: JoinSecret) {
        self.directory = directory
        self.secret = secret
    }

    /// What is said to somebody who shows `text`: a join token, the line around it, or the secret alone.
    ///
    /// Throws a ``CoordinatorError`` when the tokens can't be read.
    func answer(to text: String, now: Date) async throws -> Answer {
        guard let shown = Self.secret(in: text) else { return .refused(Self.wrong) }
        let found = try await NIOThreadPool.singleton.runIfActive { [directory] in
            try directory.token(holding: shown, now: now)
        }
        guard let (token, state) = found else { return .refused(Self.wrong) }
        switch state {
        case .valid: return .welcome(value(of: token, now: now))
        case .expired: return .refused("The join token “\(token.name)” has expired; ask for a new one.")
        case .revoked: return .refused("The join token “\(token.name)” was revoked; ask for a new one.")
        case .usedUp: return .refused("The join token “\(token.name)” is used up; ask for a new one.")
        }
    }

    /// Whether the value of a cookie was made here, and its time and its token have not ended.
    func holds(_ session: String, now: Date) async -> Bool {
        let parts = session.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let end = Int(parts[0]), "\(end)" == parts[0], Double(end) > now.timeIntervalSince1970
        else { return false }
        // A file that can't be read lets nobody in; the coordinator says what is wrong with it.
        let found = try? await NIOThreadPool.singleton.runIfActive { [directory] in
            try directory.token(named: parts[2])
        }
        guard let token = found else { return false }
        // Who is in stays in when the token's last use is taken.
        return token.state(joined: 0, at: now) == .valid && Self.isEqual(parts[1], code(of: token, end: parts[0]))
    }

    private static let wrong = "This is no token of this sweep; copy it from the coordinator's first lines."

    private static func secret(in text: String) -> JoinSecret? {
        guard let word = text.split(whereSeparator: \.isWhitespace).last.map(String.init) else { return nil }
        return (try? JoinToken(parsing: word))?.secret ?? JoinSecret(base64URL: word)
    }

    /// When it ends, a code that only we can make, and the token's name, which may have dots.
    private func value(of token: TokenRecord, now: Date) -> String {
        let end = "\(Int(now.timeIntervalSince1970) + Int(Self.duration.components.seconds))"
        return "\(end).\(code(of: token, end: end)).\(token.name)"
    }

    private func code(of token: TokenRecord, end: String) -> String {
        let key = SymmetricKey(data: Data("tmdne web session \(secret.base64URL) \(token.sha256)".utf8))
        return Hexadecimal.encode(Array(HMAC<SHA256>.authenticationCode(for: Data(end.utf8), using: key)))
    }

    /// In a time that does not depend on how much agrees.
    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let (left, right) = (Array(left.utf8), Array(right.utf8))
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
