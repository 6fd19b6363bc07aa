import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Worker

@Suite("Join tokens", .timeLimit(.minutes(2)))
struct TokenTests {
    /// What a refusal says.
    private func refusal(of token: JoinToken, in folder: String) async throws -> String? {
        do {
            // Long enough for the other guest to knock before the sweep is done.
            try await WireFixture.worker(token, in: folder) { NullEngine(delay: .seconds(1)) }.run()
            return nil
        } catch WorkerError.refused(let reason) {
            return reason
        }
    }

    @Test("a token made beside a running coordinator lets workers in at once, and only as many as it may")
    func uses() async throws {
        try await WireFixture.withDirectory { folder in
            let directory = WireFixture.directory(folder)
            try await WireFixture.serve(in: folder) { server in
                let made = try directory.makeToken(name: "guest", expires: nil, uses: 1)
                #expect(made.token.publicKeyHash == server.joinToken.publicKeyHash)
                #expect(try await StatusInquiry(made.token).report().cells == 4)
                let guests = (0..<2).map { "\(folder)/\($0)" }
                try await withThrowingTaskGroup { group in
                    for guest in guests {
                        group.addTask { try await refusal(of: made.token, in: guest) }
                    }
                    // Whoever comes second is refused; the other delivers the sweep.
                    var refusals: [String] = []
                    for try await reason in group { if let reason { refusals.append(reason) } }
                    #expect(refusals.count == 1 && refusals.allSatisfy { $0.contains("has let in 1 workers") })
                }
                #expect(try directory.tokens().map(\.record.name) == ["default", "guest"])
                #expect(try directory.tokens().map(\.joined) == [0, 1])
            }
            try WireFixture.expectWhole(folder, cells: 4)
        }
    }

    @Test("an expired token lets nobody new in; who came with it before may come back, until it is revoked")
    func expiry() async throws {
        let fixture = TemporaryStore()
        let store = try await fixture.open()
        let now = Date(timeIntervalSince1970: 1000)
        let token = try TokenRecord(name: "t", secret: JoinSecret(), created: now, expires: now + 60)
        let (ada, emmy) = (fixture.hello("a"), fixture.hello("e"))
        fixture.set(now: now + 59)
        #expect(try await store.register(ada, with: token) == .registered(name: "a"))
        fixture.set(now: now + 60)
        #expect(try await store.register(ada, with: token) == .registered(name: "a"))
        #expect(try await store.register(emmy, with: token) == .expired(now + 60))
        await store.close()
    }

    @Test("a revoked token lets nobody in, and who came in with it is sent away")
    func revocation() async throws {
        try await WireFixture.withDirectory { folder in
            let directory = WireFixture.directory(folder)
            let old = try await WireFixture.serve(in: folder) { server in
                let worker = WireFixture.worker(server.joinToken, in: folder) {
                    NullEngine(delay: .seconds(60))
                }
                let ending = Task { try await worker.run() }
                for await event in worker.events {
                    guard case .joined = event else { continue }
                    try directory.revokeToken(named: "default")
                    break
                }
                await #expect(
                    throws: WorkerError.refused(
                        reason: "The join token “default” was revoked; ask for a new one.")
                ) { try await ending.value }
                return server.joinToken
            }
            // The next start has a token of its own again, and the old one is as wrong as any other.
            try await WireFixture.serve(in: folder) { server in
                #expect(server.joinToken.secret != old.secret && server.joinToken.publicKeyHash == old.publicKeyHash)
                let again = try WireFixture.token(server.joinToken, secret: old.secret)
                #expect(try await refusal(of: again, in: folder)?.contains("is wrong") == true)
                #expect(try await StatusInquiry(server.joinToken).report().cells == 4)
            }
        }
    }

    @Test("what is kept of a token is its hash")
    func hashAlone() async throws {
        try await WireFixture.withDirectory { folder in
            let directory = WireFixture.directory(folder)
            let token = try await WireFixture.serve(in: folder) { _ in
                try directory.makeToken(name: nil, expires: Date(timeIntervalSinceNow: 60), uses: nil).token
            }
            let file = directory.tokenFolder.appending(path: "token-1.json")
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(text.contains(token.secret.sha256) && !text.contains(token.secret.base64URL))
            for case let name as String in try #require(FileManager.default.enumerator(atPath: directory.url.path)) {
                let contents = FileManager.default.contents(atPath: "\(directory.url.path)/\(name)") ?? Data()
                #expect(contents.range(of: Data(token.secret.base64URL.utf8)) == nil, "\(name)")
            }
        }
    }

    @Test(
        "a name that could lead out of the folder, and one that is taken, are refused",
        arguments: ["", ".", "../x", "a/b", "a b", String(repeating: "a", count: 65), "default", "ä"])
    func names(_ name: String) async throws {
        try await WireFixture.withDirectory { folder in
            try await WireFixture.serve(in: folder) { _ in
                _ = #expect(throws: CoordinatorError.self) {
                    try WireFixture.directory(folder).makeToken(name: name, expires: nil, uses: nil)
                }
            }
        }
    }

    @Test("a token file that people have damaged is named")
    func damaged() async throws {
        try await WireFixture.withDirectory { folder in
            let directory = WireFixture.directory(folder)
            try await WireFixture.serve(in: folder) { _ in }
            let file = directory.tokenFolder.appending(path: "x.json")
            try Data("{}".utf8).write(to: file)
            await #expect(throws: CoordinatorError.badToken(path: file.path)) {
                try await WireFixture.serve(in: folder) { _ in }
            }
            #expect(throws: CoordinatorError.noToken(name: "y")) { try directory.revokeToken(named: "y") }
        }
    }
}
