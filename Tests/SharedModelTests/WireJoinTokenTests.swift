import Foundation
import Testing

@testable import SharedModel

@Suite("Join tokens")
struct WireJoinTokenTests {
    private static let secretBytes = Array(0..<32) as [UInt8]

    private func secret() throws -> JoinSecret {
        try #require(JoinSecret(bytes: Self.secretBytes))
    }

    @Test("a token has its golden text")
    func golden() throws {
        let token = try JoinToken(hosts: ["127.0.0.1"], port: 7070, secret: secret())
        #expect(
            token.text
                == "tmdne1_AAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fG54BCTEyNy4wLjAuMaTtLnY")
        #expect(try JoinToken(parsing: token.text) == token)
    }

    @Test("hosts, key hash and expiry survive the way through text")
    func roundTrip() throws {
        let token = try JoinToken(
            hosts: ["lab-3.example.org", "10.0.0.7", "fe80::1%eth0"], port: 65_535, secret: secret(),
            publicKeyHash: Array(repeating: 0xFE, count: 32), expiry: Date(timeIntervalSince1970: 1_790_000_000))
        #expect(try JoinToken(parsing: "  \(token.text)\n") == token)
    }

    @Test("every single mistyped or missing character is noticed")
    func mistyped() throws {
        let text = try JoinToken(hosts: ["127.0.0.1"], port: 7070, secret: secret()).text
        for index in text.indices {
            var changed = text
            changed.replaceSubrange(index...index, with: text[index] == "x" ? "y" : "x")
            #expect(throws: WireError.self, "\(changed)") { try JoinToken(parsing: changed) }
            changed = text
            changed.remove(at: index)
            if changed != text { #expect(throws: WireError.self, "\(changed)") { try JoinToken(parsing: changed) } }
        }
    }

    @Test(
        "what is no token at all gets a sentence",
        arguments: ["", "tmdne1_", "tmdne2_AAAA", "tmdne1_????", "tmdne1_AAAA", String(repeating: "a", count: 9000)])
    func nonsense(text: String) {
        #expect {
            try JoinToken(parsing: text)
        } throws: { error in
            "\(error)".hasPrefix("The join token is not valid: ") && "\(error)".count < 200
        }
    }

    @Test("no part that could not be written is taken")
    func badParts() throws {
        let secret = try secret()
        #expect(throws: WireError.self) { try JoinToken(hosts: [], port: 1, secret: secret) }
        #expect(throws: WireError.self) { try JoinToken(hosts: ["a b"], port: 1, secret: secret) }
        #expect(throws: WireError.self) { try JoinToken(hosts: ["a"], port: 0, secret: secret) }
        #expect(throws: WireError.self) { try JoinToken(hosts: ["a"], port: 65_536, secret: secret) }
        #expect(throws: WireError.self) { try JoinToken(hosts: ["a"], port: 1, secret: secret, publicKeyHash: [1]) }
        #expect(throws: WireError.self) { try JoinToken(hosts: ["a"], port: 1, secret: secret, expiry: .distantPast) }
    }

    @Test("the secret is in no description and no dump")
    func redacted() throws {
        let token = try JoinToken(hosts: ["127.0.0.1"], port: 7070, secret: secret())
        var dumped = ""
        dump(token, to: &dumped)
        for shown in ["\(token)", "\(token.secret)", String(reflecting: token), dumped] {
            #expect(!shown.contains(token.secret.base64URL))
            #expect(!shown.contains("31"))
        }
    }

    @Test("a secret matches itself and nothing near it")
    func matching() throws {
        let secret = try secret()
        #expect(secret.matches(secret.base64URL))
        #expect(!secret.matches(String(secret.base64URL.dropLast())))
        #expect(!secret.matches(secret.base64URL.replacingOccurrences(of: "A", with: "B")))
        #expect(!secret.matches(""))
        #expect(JoinSecret() != JoinSecret())
    }
}
