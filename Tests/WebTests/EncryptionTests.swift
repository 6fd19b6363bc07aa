import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Web

@Suite(.timeLimit(.minutes(1)))
struct EncryptionTests {
    private static func port(_ address: WebService.Address) throws -> Int {
        let url = try #require(address.urls.last)
        return try #require(URL(string: url)?.port)
    }

    @Test("beyond loopback all is encrypted, and a cookie that scripts can't read stands for the token")
    func signIn() async throws {
        let sweep = try await RestingSweep()
        let secret = try sweep.directory.ownSecret().base64URL
        try await sweep.serve(host: "0.0.0.0") { address in
            #expect(address.urls.allSatisfy { $0.hasPrefix("https://") })
            #expect(address.fingerprint?.count == 95)
            let browser = try SecureBrowser(port: try Self.port(address), trusting: sweep.directory)
            #expect(try await browser.get("api/grid").status == 401)
            #expect(try await browser.get("pictures/0").status == 303)
            #expect(try await browser.get("login").body.contains("tmdne1_"))
            #expect(try await browser.post("login", #"{"token":"tmdne1_wrong"}"#).status == 403)
            let answer = try await browser.post("login", "{\"token\":\"\(secret)\"}")
            let cookie = try #require(answer.headers.first { $0.lowercased().hasPrefix("set-cookie: ") }).dropFirst(12)
            #expect(cookie.hasPrefix("__Host-") && !cookie.contains(secret))
            for attribute in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] { #expect(cookie.contains(attribute)) }
            let session = String(cookie.prefix { $0 != ";" })
            #expect(try await browser.get("api/grid", cookie: session).status == 200)
            #expect(try await browser.get("api/grid", cookie: session + "0").status == 401)
        }
    }

    @Test("who came in with a token that is revoked is shown nothing more, in a page that listens neither")
    func revocation() async throws {
        let sweep = try await RestingSweep()
        let token = try sweep.directory.makeToken(
            name: "reviewers", expires: nil, uses: nil, address: (["10.0.0.1"], 7707)
        ).token
        try await sweep.serve(host: "0.0.0.0") { address in
            let browser = try SecureBrowser(port: try Self.port(address), trusting: sweep.directory)
            let answer = try await browser.post("login", "{\"token\":\"\(token.text)\"}")
            let cookie = try #require(answer.headers.first { $0.lowercased().hasPrefix("set-cookie: ") }).dropFirst(12)
            let session = String(cookie.prefix { $0 != ";" })
            let (beginning, begun) = AsyncStream<Void>.makeStream()
            async let listening = browser.get("api/events", cookie: session) { begun.finish() }
            for await _ in beginning {}
            #expect(try await browser.get("api/grid", cookie: session).status == 200)
            try sweep.directory.revokeToken(named: "reviewers")
            for path in ["api/grid", "api/events"] {
                #expect(try await browser.get(path, cookie: session).status == 401)
            }
            #expect(try await browser.get("pictures/0", cookie: session).status == 303)
            // Ends only when the server ends it.
            #expect(try await listening.status == 200)
        }
    }

    @Test("a browser that comes without encryption is told how to come, and is shown nothing")
    func plainText() async throws {
        try await RestingSweep().serve(host: "0.0.0.0") { address in
            let answer = try await SecureBrowser(port: try Self.port(address), trusting: nil).get("login")
            #expect(answer.status == 400)
            #expect(answer.body.hasSuffix("These pages are encrypted: write https:// before the address.\n"))
            #expect(!answer.body.contains("<html"))
        }
    }

    @Test("on loopback behind a proxy the token is asked for, too")
    func proxy() async throws {
        try await RestingSweep().serve(isBehindProxy: true) { address in
            #expect(address.fingerprint == nil && address.urls.count == 1)
            let browser = try SecureBrowser(port: try Self.port(address), trusting: nil)
            #expect(try await browser.get("api/grid").status == 401)
        }
    }
}
