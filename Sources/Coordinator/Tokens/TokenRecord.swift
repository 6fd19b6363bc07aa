package import Foundation
package import SharedModel

/// What a directory remembers of a join token: enough to know it again, not to use it.
package struct TokenRecord: Codable, Equatable, Sendable {
    /// The token that every coordinator makes for itself.
    package static let defaultName = "default"

    /// Whether it lets new workers in, and people to the pages.
    package enum State: String, Sendable {
        case valid
        case expired
        case revoked
        case usedUp = "used up"
    }

    /// What people call it; also its file's name.
    package let name: String
    /// SHA-256 of the secret, 64 lower-case hexadecimal digits.
    package let sha256: String
    package let created: Date
    /// When it stops letting new workers in; `nil`: never.
    package var expires: Date?
    /// How many workers it lets in; `nil`: any number.
    package var uses: Int?
    /// Since when it lets nobody in; `nil`: it does.
    package var revoked: Date?

    /// - Throws: ``CoordinatorError/option(name:value:wanted:)`` for a name that can't be a file's, and for no uses.
    package init(name: String, secret: JoinSecret, created: Date, expires: Date? = nil, uses: Int? = nil) throws {
        guard Self.isName(name) else {
            throw CoordinatorError.option(
                name: "--name", value: WireText.line(name, longest: 64),
                wanted: "1 to 64 letters, digits, dots, dashes and underscores, no dot in front")
        }
        if let uses, uses < 1 {
            throw CoordinatorError.option(name: "--uses", value: "\(uses)", wanted: "1 or more")
        }
        self.name = name
        sha256 = secret.sha256
        self.created = created
        self.expires = expires
        self.uses = uses
    }

    /// How it stands when it has let in as many workers as `joined`.
    package func state(joined: Int, at now: Date) -> State {
        if revoked != nil { return .revoked }
        if let expires, expires <= now { return .expired }
        return uses.map { joined >= $0 } == true ? .usedUp : .valid
    }

    /// Whether `text` can name a token, and thereby a file.
    static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...64).contains(bytes.count) && bytes.first != UInt8(ascii: ".")
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default:
                    false
                }
            }
    }
}
