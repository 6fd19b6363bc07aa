import Foundation
import SharedModel
import Testing

@testable import Web

struct AccessRuleTests {
    private static let secret = JoinSecret()
    private static let now = Date(timeIntervalSince1970: 1_800_000_000)

    private static func judge(
        open: Bool, host: String?, origin: String? = nil, isChange: Bool = false, session: String? = nil
    ) -> AccessRule.Judgement {
        AccessRule(secret: secret, isOpen: open, names: ["Lab"])
            .judge(host: host, origin: origin, isChange: isChange, session: session, now: now)
    }

    @Test(
        "on loopback everybody is welcome who comes under a name of this host",
        arguments: [
            "localhost:7708", "127.0.0.1:7708", "[::1]:7708", "LOCALHOST", "lab:80",
        ])
    func loopback(host: String) {
        #expect(Self.judge(open: true, host: host) == .welcome)
    }

    @Test(
        "a name that another site bound to this address is turned away",
        arguments: [
            nil, "", "evil.example:7708", "localhost.evil.example", "10.0.0.1:7708", "127.0.0.1.evil.example",
        ])
    func rebinding(host: String?) {
        guard case .foreign = Self.judge(open: true, host: host) else {
            Issue.record("\(host ?? "nothing") was let in")
            return
        }
    }

    @Test(
        "elsewhere numeric addresses and the host's own name reach the question for the token",
        arguments: [
            "192.168.1.5:7708", "[fe80::1]:7708", "lab:7708", "localhost:7708",
        ])
    func strangers(host: String) {
        #expect(Self.judge(open: false, host: host) == .stranger)
    }

    @Test("a request that another site made a browser send is turned away, and so is a change without an origin")
    func origins() {
        let host = "127.0.0.1:7708"
        for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1"] {
            guard case .foreign = Self.judge(open: true, host: host, origin: origin) else {
                Issue.record("\(origin) was let in")
                continue
            }
        }
        #expect(Self.judge(open: true, host: host, origin: "http://\(host)", isChange: true) == .welcome)
        #expect(Self.judge(open: true, host: host, origin: "https://\(host)", isChange: true) == .welcome)
        guard case .foreign = Self.judge(open: true, host: host, isChange: true) else {
            Issue.record("a change without an origin was let in")
            return
        }
    }

    @Test("a session lets in until it ends, and a made-up or altered one never does")
    func sessions() {
        let rule = AccessRule(secret: Self.secret, isOpen: false, names: [])
        let session = rule.session(now: Self.now)
        let host = "192.168.1.5:7708"
        #expect(Self.judge(open: false, host: host, session: session) == .welcome)
        let later = Self.now.addingTimeInterval(31 * 24 * 3600)
        #expect(!rule.isValid(session: session, now: later))
        #expect(!rule.isValid(session: session.replacing("18", with: "99"), now: later))
        #expect(!rule.isValid(session: String(session.dropLast()), now: Self.now))
        for made in ["", ".", "1.2", "9999999999.", "\(Int.max).abc", "-1.x", "+1900000000.x"] {
            #expect(!rule.isValid(session: made, now: Self.now))
        }
        #expect(!AccessRule(secret: JoinSecret(), isOpen: false, names: []).isValid(session: session, now: Self.now))
    }

    @Test("the token is taken as it was printed, with the command around it, and nothing else is")
    func tokens() throws {
        let rule = AccessRule(secret: Self.secret, isOpen: false, names: [])
        let token = try JoinToken(hosts: ["10.0.0.1"], port: 7707, secret: Self.secret).text
        #expect(rule.admits(token))
        #expect(rule.admits("tmdne worker \(token)\n"))
        #expect(rule.admits(Self.secret.base64URL))
        let other = try JoinToken(hosts: ["10.0.0.1"], port: 7707, secret: JoinSecret()).text
        for wrong in ["", " ", other, String(token.dropLast()), JoinSecret().base64URL] { #expect(!rule.admits(wrong)) }
    }
}
