import NIOCore
import SharedModel
import Testing

@testable import Coordinator

@Suite("Previews at the coordinator", .timeLimit(.minutes(1)))
struct PreviewTests {
    private let temporary = TemporaryDirectory()

    private func plan(hasPreviews: Bool) throws -> SweepPlan {
        var plan = try Fixtures.plan(prompts: ["one", "two"])
        if hasPreviews { plan.preview = PreviewFile(name: "taesd", fingerprint: String(repeating: "d", count: 64)) }
        return plan
    }

    private func join(_ server: CoordinatorServer, _ identity: String = Fixtures.ada) async throws -> TestWorker {
        let worker = try await TestWorker(port: server.boundPort)
        _ = try await worker.join(Fixtures.hello("ada", identity, secret: server.joinToken.secret.base64URL))
        return worker
    }

    /// Sends messages and then a beat, whose answer says that all of them have been dealt with.
    private func tell(_ worker: TestWorker, _ messages: [WorkerMessage], beat: Beat) async throws {
        for message in messages { try await worker.send(message) }
        try await worker.send(.beat(beat))
        #expect(try await worker.next() == .beatReply(BeatReply(lost: [])))
    }

    private func preview(_ cell: CellKey, _ colour: UInt8) -> Preview {
        Preview(cell: cell, width: 1, height: 1, pixels: [colour, 0, 0])
    }

    private func shown(_ server: CoordinatorServer) async throws -> Int? {
        try await server.status().workers.first { $0.state != .away }?.rendering?.preview
    }

    @Test("the last one of the image that is being rendered is kept, and no other")
    func latest() async throws {
        try await ServerFixture.serve(temporary, plan: plan(hasPreviews: true)) { server in
            let worker = try await join(server)
            let grant = try await worker.claim()
            #expect(grant.preview == (try plan(hasPreviews: true).preview))
            let (one, two) = (grant.cells[0].key, grant.cells[1].key)
            let beat = Beat(lease: grant.lease, cell: one, step: 1, steps: 4)
            try await tell(worker, [.preview(preview(one, 1)), .preview(preview(one, 2))], beat: beat)
            #expect(try await shown(server) == 2)
            #expect(await server.preview(number: 2) == preview(one, 2))
            #expect(await server.preview(number: 1) == nil)
            // It is about to show the next, and nothing of that is known.
            try await tell(worker, [], beat: Beat(lease: grant.lease, cell: two, step: 0, steps: 4))
            #expect(try await shown(server) == nil)
            try await tell(
                worker, [.preview(preview(two, 3))], beat: Beat(lease: grant.lease, cell: two, step: 1, steps: 4))
            #expect(try await shown(server) == 3)
            try await worker.close()
            while try await server.status().workers.contains(where: { $0.state != .away }) {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(await server.preview(number: 3) == nil)
        }
    }

    @Test("of a sweep that asked for none is nobody's, and so is that of a worker that holds nothing")
    func unasked() async throws {
        try await ServerFixture.serve(temporary, plan: plan(hasPreviews: false)) { server in
            let worker = try await join(server)
            let grant = try await worker.claim()
            #expect(grant.preview == nil)
            let beat = Beat(lease: grant.lease, cell: grant.cells[0].key, step: 1, steps: 4)
            try await tell(worker, [.preview(preview(grant.cells[0].key, 1))], beat: beat)
            #expect(try await shown(server) == nil)
            #expect(await server.preview(number: 1) == nil)
        }
        let other = TemporaryDirectory()
        try await ServerFixture.serve(other, plan: plan(hasPreviews: true)) { server in
            let worker = try await join(server)
            let cell = try Fixtures.key(of: Fixtures.cell(prompt: "one", guidance: 1))
            try await tell(worker, [.preview(preview(cell, 1))], beat: Beat(lease: nil, cell: nil, step: 0, steps: 0))
            #expect(await server.preview(number: 1) == nil)
        }
    }

    @Test("a coordinator that goes on from its directory alone asks for them again")
    func resumed() async throws {
        let plan = try plan(hasPreviews: true)
        try await ServerFixture.serve(temporary, plan: plan) { _ in }
        try await ServerFixture.serve(temporary, plan: nil) { server in
            let preview = try await join(server).claim().preview
            #expect(preview == plan.preview)
        }
    }

    @Test("one that is longer than one can be ends the connection before it is there")
    func tooLong() async throws {
        try await ServerFixture.serve(temporary, plan: plan(hasPreviews: true)) { server in
            let worker = try await join(server)
            var bytes = ByteBuffer()
            bytes.writeInteger(UInt32(50_000))
            bytes.writeInteger(UInt8(0x0c))
            try await worker.send(bytes: bytes)
            guard case .refused(let refused)? = try await worker.next() else {
                Issue.record("it was not refused")
                return
            }
            #expect(refused.reason.contains("50000 bytes is longer than the 49187"))
        }
    }
}
