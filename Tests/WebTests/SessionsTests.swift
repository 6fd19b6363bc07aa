import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Web

@Suite(.timeLimit(.minutes(1)))
struct SessionsTests {
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)
    private let sweep: RestingSweep
    private let secret: JoinSecret
    private let sessions: Sessions

    init() async throws {
        sweep = try await RestingSweep()
        secret = try sweep.directory.ownSecret()
        sessions = Sessions(sweep.directory, secret: secret)
    }

    private func makeToken(_ name: String, expires: Date? = nil) throws -> JoinToken {
        try sweep.directory.makeToken(
            name: name, expires: expires, uses: nil, address: (["10.0.0.1"], 7707), now: Self.now
        ).token
    }

    private func refusal(of text: String, now: Date = Self.now) async throws -> String? {
        guard case .refused(let sentence) = try await sessions.answer(to: text, now: now) else { return nil }
        return sentence
    }

    private func session(of token: JoinToken) async throws -> String {
        guard case .welcome(let session) = try await sessions.answer(to: token.text, now: Self.now) else {
            throw TestFailure.refused
        }
        return session
    }

    private enum TestFailure: Error {
        case refused
    }

    @Test("a token is taken as it was printed, with the command around it, and so is a secret alone")
    func pasted() async throws {
        let own = try JoinToken(hosts: ["10.0.0.1"], port: 7707, secret: secret)
        let made = try makeToken("reviewers")
        for token in [own, made] {
            for text in [token.text, "tmdne worker \(token.text)\n", token.secret.base64URL] {
                #expect(try await refusal(of: text) == nil)
            }
        }
        let other = try JoinToken(hosts: ["10.0.0.1"], port: 7707, secret: JoinSecret()).text
        for wrong in ["", " ", other, String(own.text.dropLast()), JoinSecret().base64URL, "reviewers"] {
            #expect(try await refusal(of: wrong)?.contains("no token of this sweep") == true)
        }
    }

    @Test("a token that lets no worker in opens no pages, and it is said why")
    func ended() async throws {
        let revoked = try makeToken("old")
        try sweep.directory.revokeToken(named: "old")
        #expect(try await refusal(of: revoked.text)?.contains("“old” was revoked") == true)
        let short = try makeToken("short", expires: Self.now.addingTimeInterval(60))
        #expect(try await refusal(of: short.text, now: Self.now.addingTimeInterval(59)) == nil)
        let late = Self.now.addingTimeInterval(60)
        #expect(try await refusal(of: short.text, now: late)?.contains("“short” has expired") == true)
        // The one that the worker of the sweep came in with.
        let used = try #require(JoinSecret(bytes: Array(repeating: 7, count: 32)))
        for uses in [2, 1] {
            try TokenFiles(sweep.directory).write(
                TokenRecord(name: "test", secret: used, created: Self.now, uses: uses))
            let sentence = try await refusal(of: used.base64URL)
            #expect(uses == 2 ? sentence == nil : sentence?.contains("“test” is used up") == true)
        }
    }

    @Test("a session lasts 30 days, and a made-up or altered one never does")
    func forgery() async throws {
        let session = try await session(of: try makeToken("a.b-c_d"))
        #expect(await sessions.holds(session, now: Self.now.addingTimeInterval(29.9 * 24 * 3600)))
        let later = Self.now.addingTimeInterval(30.1 * 24 * 3600)
        #expect(!(await sessions.holds(session, now: later)))
        _ = try makeToken("other")
        for made in [
            session.replacing("18", with: "99", maxReplacements: 1), String(session.dropLast()),
            session.replacing("a.b-c_d", with: "other"), session.replacing("a.b-c_d", with: "../a.b-c_d"),
            "", ".", "..", "1.2.other", "9999999999..other", "\(Int.max).abc.other", "-1.x.other",
            "+1900000000.x.other",
        ] {
            #expect(!(await sessions.holds(made, now: Self.now)), "\(made)")
        }
        #expect(!(await Sessions(sweep.directory, secret: JoinSecret()).holds(session, now: Self.now)))
    }

    @Test("a session ends at once with the token that it stands for, and with no other")
    func revocation() async throws {
        let expiry = Self.now.addingTimeInterval(3600)
        let (first, second) = (try makeToken("first"), try makeToken("second", expires: expiry))
        let (one, two) = (try await session(of: first), try await session(of: second))
        #expect(await sessions.holds(one, now: Self.now))
        try sweep.directory.revokeToken(named: "first")
        #expect(!(await sessions.holds(one, now: Self.now)))
        #expect(await sessions.holds(two, now: Self.now))
        #expect(!(await sessions.holds(two, now: expiry)))
    }

    @Test("a resting sweep whose own token was revoked is opened by a new one")
    func ownToken() async throws {
        try sweep.directory.revokeToken(named: TokenRecord.defaultName)
        let reviewed = try ReviewedDirectory(sweep.directory)
        #expect(reviewed.secret != secret)
        #expect(try await refusal(of: reviewed.secret.base64URL) == nil)
        #expect(try await refusal(of: secret.base64URL) != nil)
        await reviewed.close()
    }
}
