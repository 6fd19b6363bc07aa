import Foundation
import Glibc
import SharedModel
import Testing

@testable import Coordinator

@Suite("Asking for what comes first")
struct PriorityRequestTests {
    private static func prompt(_ word: String, to priority: Int = 1) -> PriorityRequest {
        PriorityRequest(GridSelection([.init(.prompt, word)]), priority: priority)
    }

    private func files(_ directory: SweepDirectory) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: directory.requests.path)) ?? []
    }

    private func prioritised(_ directory: SweepDirectory) throws -> Int? {
        try SweepReader(directory).status().prioritised
    }

    @Test("where no coordinator runs it is done right away, after what waits")
    func direct() async throws {
        let fixture = try await StoreFixture()
        await fixture.store.close()
        let directory = fixture.temporary.directory
        try directory.submit(Self.prompt("one"))
        try directory.submit(Self.prompt("three"))
        #expect(try await directory.prioritise(Self.prompt("two")) == PriorityAnswer(matching: 3, images: 3))
        #expect(try prioritised(directory) == 6)
        #expect(files(directory) == [])
        let all = PriorityRequest(GridSelection(), priority: PriorityRequest.normal)
        #expect(try await directory.prioritise(all) == PriorityAnswer(matching: 6, images: 6))
        #expect(try prioritised(directory) == 0)
    }

    @Test("where one runs it is asked; what the sweep does not have leaves nothing behind")
    func served() async throws {
        let fixture = try await StoreFixture()
        let directory = fixture.temporary.directory
        let lock = try DirectoryLock(directory)
        defer { withExtendedLifetime(lock) {} }
        let refusal = CoordinatorError.noSuchValue(axis: "prompt", value: "dog", known: ["raw one", "raw two"])
        await #expect(throws: refusal) { try await directory.prioritise(Self.prompt("dog")) }
        let all = PriorityRequest(GridSelection(), priority: PriorityRequest.normal)
        #expect(try await directory.prioritise(all) == PriorityAnswer(matching: 0, images: 0))
        #expect(files(directory) == [])
        #expect(
            try await directory.prioritise(Self.prompt("two"))
                == PriorityAnswer(matching: 3, images: 3, isAsked: true))
        #expect(try prioritised(directory) == 0)
        // What waits is taken back, too.
        #expect(try await directory.prioritise(all).isAsked)
        #expect(directory.waitingPriorities().map(\.request) == [Self.prompt("two"), all])
        #expect(try await fixture.store.carryOutPriorities(of: directory) == [])
        #expect(try prioritised(directory) == 0)
        #expect(files(directory) == [])
    }

    @Test("requests are carried out in the order of their making, and one that can't be is told and forgotten")
    func waiting() async throws {
        let fixture = try await StoreFixture()
        let directory = fixture.temporary.directory
        for (word, priority) in [("one", 1), ("dog", 2), ("two", 3), ("one", 4)] {
            try directory.submit(Self.prompt(word, to: priority))
        }
        let refusals = try await fixture.store.carryOutPriorities(of: directory)
        #expect(refusals == ["The sweep has no prompt “dog”; it has “raw one”, “raw two”."])
        #expect(try await fixture.query("SELECT priority FROM shard ORDER BY id") == ["4", "3"])
        #expect(files(directory) == [])
    }

    @Test(
        "a file that tmdne did not write is told and removed, and changes nothing",
        arguments: [
            "", "nonsense", "{}", #"{"priority":1,"selection":{"conditions":[],"positions":[]}}"#,
            #"{"priority":10,"selection":{"conditions":[],"positions":[0]}}"#,
            #"{"priority":-1,"selection":{"conditions":[],"positions":[0]}}"#,
            #"{"priority":1,"selection":{"conditions":[{"axis":"colour","value":"x"}],"positions":[]}}"#,
            #"{"priority":1,"selection":{"conditions":[],"positions":[0]}}"# + String(repeating: " ", count: 64 << 10),
        ])
    func foreign(text: String) async throws {
        let fixture = try await StoreFixture()
        let directory = fixture.temporary.directory
        try DurableFile.makeDirectory(directory.requests.path)
        let path = directory.requests.appending(path: "prioritise-0.json").path
        try Data(text.utf8).write(to: URL(filePath: path))
        let refusals = try await fixture.store.carryOutPriorities(of: directory)
        #expect(refusals == ["\(path) does not hold what tmdne writes there."])
        #expect(files(directory) == [])
        #expect(try prioritised(directory) == 0)
    }

    @Test("a pipe and a link in the folder keep nobody waiting")
    func pipes() async throws {
        let fixture = try await StoreFixture()
        let directory = fixture.temporary.directory
        try DurableFile.makeDirectory(directory.requests.path)
        #expect(mkfifo(directory.requests.appending(path: "prioritise-1.json").path, 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: directory.requests.appending(path: "prioritise-2.json").path, withDestinationPath: "/dev/zero")
        #expect(try await fixture.store.carryOutPriorities(of: directory).count == 2)
        #expect(files(directory) == [])
    }

    @Test("a request that is too long to be read is refused before it is written")
    func long() throws {
        let temporary = TemporaryDirectory()
        let request = Self.prompt(String(repeating: "x", count: 70_000))
        #expect {
            try temporary.directory.submit(request)
        } throws: { error in
            "\(error)".hasSuffix("more than 65536; name fewer values or positions at once.")
        }
        #expect(files(temporary.directory) == [])
    }

    @Test("a running coordinator grants what was asked for first, and a new one what the last had no time for")
    func server() async throws {
        let temporary = TemporaryDirectory()
        try await ServerFixture.serve(temporary, plan: Fixtures.plan(prompts: ["a", "b", "c"])) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(hello(server))
            #expect(try await temporary.directory.prioritise(Self.prompt("raw b")).isAsked)
            while try await server.status().prioritised == 0 { try await Task.sleep(for: .milliseconds(5)) }
            let grant = try await worker.claim()
            #expect(grant.cells.map(\.rawPrompt) == ["raw b", "raw b", "raw b"])
            try await worker.send(.release(Release(lease: grant.lease)), .bye)
        }
        try temporary.directory.submit(Self.prompt("raw c", to: 2))
        try await ServerFixture.serve(temporary) { server in
            let worker = try await TestWorker(port: server.boundPort)
            _ = try await worker.join(hello(server))
            #expect(try await worker.claim().cells[0].rawPrompt == "raw c")
            #expect(try await worker.claim().cells[0].rawPrompt == "raw b")
        }
    }

    private func hello(_ server: CoordinatorServer) -> Hello {
        Fixtures.hello("ada", Fixtures.ada, secret: server.joinToken.secret.base64URL)
    }
}
