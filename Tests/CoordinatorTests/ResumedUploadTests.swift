import Foundation
import NIOCore
import SharedModel
import Testing

@testable import Coordinator

@Suite("Uploads that are cut", .timeLimit(.minutes(1)))
struct ResumedUploadTests {
    private let temporary = TemporaryDirectory()

    private func join(_ server: CoordinatorServer, leases: [LeaseID] = []) async throws -> TestWorker {
        let worker = try await TestWorker(port: server.boundPort)
        let secret = server.joinToken.secret.base64URL
        _ = try await worker.join(Fixtures.hello("ada", Fixtures.ada, secret: secret, leases: leases))
        return worker
    }

    /// Sends the first bytes of an image, waits until they have arrived, and breaks off.
    private func begin(
        _ offer: Offer, image: [UInt8], bytes: Int, on worker: TestWorker
    ) async throws {
        try await worker.send(.offer(offer))
        #expect(try await worker.next() == .send(Send(cell: offer.cell, offset: 0)))
        if bytes > 0 { try await worker.send(.chunk(Array(image[..<bytes]))) }
        try await worker.send(.beat(Beat(lease: nil, cell: nil, step: 0, steps: 0)))
        #expect(try await worker.next() == .beatReply(BeatReply(lost: [])))
        try await worker.close()
    }

    /// Offers again until the coordinator has noticed that the connection before is gone.
    private func resume(
        _ offer: Offer, expecting offset: Int, on server: CoordinatorServer
    ) async throws -> TestWorker {
        while true {
            let worker = try await join(server, leases: [offer.lease])
            try await worker.send(.offer(offer))
            guard case .send(let send)? = try await worker.next() else { throw TestWorker.Unexpected() }
            if send.offset == offset { return worker }
            try await worker.close()
        }
    }

    @Test("an upload goes on where it was cut, and the image is stored", arguments: [1, 50, 119])
    func resumed(bytes: Int) async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await join(server)
            let grant = try await worker.claim()
            let image = TestPNG.image(text: grant.cells[0].key.hex)
            let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: image)
            try await begin(offer, image: image, bytes: bytes, on: worker)
            let again = try await resume(offer, expecting: bytes, on: server)
            try await again.send(.chunk(Array(image[bytes...])))
            #expect(try await again.next() == .ack(Ack(cell: offer.cell, outcome: .stored, reason: "")))
            let file = temporary.directory.url.appending(path: SweepDirectory.imagePath(sha256: offer.sha256))
            #expect(try Data(contentsOf: file) == Data(image))
        }
    }

    @Test("an image that differs from the one that was cut begins at its beginning")
    func other() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await join(server)
            let grant = try await worker.claim()
            let image = TestPNG.image(text: "one")
            let offer = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: image)
            try await begin(offer, image: image, bytes: 40, on: worker)
            let another = TestPNG.image(text: "two")
            let other = Fixtures.offer(grant.cells[0].key, under: grant.lease, image: another)
            let again = try await join(server, leases: [grant.lease])
            #expect(try await again.deliver(other, image: another).outcome == .stored)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.directory.incoming.path) == [])
    }

    @Test("an image may be as long as its size can make it, and no longer")
    func longest() async throws {
        try await ServerFixture.serve(temporary, plan: Fixtures.plan()) { server in
            let worker = try await join(server)
            let grant = try await worker.claim()
            var offer = Fixtures.offer(grant.cells[0].key, under: grant.lease)
            let longest = WireLimits.imageBytes(width: 8, height: 8)
            #expect(longest == 200 + 3 + 1_048_576)
            offer.bytes = longest + 1
            try await worker.send(.offer(offer))
            guard case .ack(let ack)? = try await worker.next() else { throw TestWorker.Unexpected() }
            #expect(ack.outcome == .refused && ack.reason.contains("\(longest)"))
            offer.bytes = longest
            try await worker.send(.offer(offer))
            #expect(try await worker.next() == .send(Send(cell: offer.cell)))
        }
        // Noise of this size does not fit in 16 MiB.
        #expect(WireLimits.imageBytes(width: 4096, height: 4096) > 4096 * 4096 * 3)
    }

    @Test("cut uploads are kept one a worker, for a while, and within a bound")
    func bounds() throws {
        try temporary.directory.create()
        let folder = temporary.directory.incoming
        let names = { try FileManager.default.contentsOfDirectory(atPath: folder.path).count }
        let image = TestPNG.image()
        let begin = { (cell: Int) in
            let key = try Fixtures.plan().cells[cell].key
            let upload = try IncomingImage(
                Fixtures.offer(key, under: Fixtures.lease(1), image: image), width: 8, height: 8, folder: folder)
            try upload.append(Array(image[..<60]))
            return upload
        }
        let partials = PartialUploads(lifetime: .seconds(600), mostBytes: 120)
        let now = ContinuousClock.now
        #expect(partials.keep(try begin(0), of: Fixtures.ada, now: now).isEmpty)
        #expect(partials.keep(try begin(1), of: Fixtures.ada, now: now + .seconds(1)).count == 1)
        #expect(partials.keep(try begin(2), of: Fixtures.emmy, now: now + .seconds(2)).isEmpty)
        #expect(try names() == 2)
        #expect(partials.keep(try begin(3), of: String(repeating: "b", count: 32), now: now + .seconds(3)).count == 1)
        #expect(partials.take(try begin(1).offer, of: Fixtures.ada).image == nil)
        #expect(partials.expire(now: now + .seconds(601)).isEmpty)
        #expect(partials.expire(now: now + .seconds(602)).count == 1)
        #expect(partials.expire(now: now + .seconds(700)).count == 1)
        #expect(try names() == 0)
        let few = PartialUploads(mostFiles: 1)
        #expect(few.keep(try begin(0), of: Fixtures.ada, now: now).isEmpty)
        #expect(
            few.keep(try begin(1), of: Fixtures.emmy, now: now + .seconds(1)).map(\.offer.cell) == [
                try Fixtures.plan().cells[0].key
            ])
    }
}
