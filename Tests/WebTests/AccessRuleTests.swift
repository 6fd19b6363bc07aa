import Testing

@testable import Web

struct AccessRuleTests {
    private static func judge(
        open: Bool, host: String?, origin: String? = nil, isChange: Bool = false, isSignedIn: Bool = false
    ) -> AccessRule.Judgement {
        AccessRule(isOpen: open, names: ["Lab"])
            .judge(host: host, origin: origin, isChange: isChange, isSignedIn: isSignedIn)
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
        #expect(Self.judge(open: false, host: host, isSignedIn: true) == .welcome)
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
}
