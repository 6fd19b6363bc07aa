import SharedModel
import Testing

@testable import Coordinator

@Suite("The session of one worker")
struct WorkerSessionTests {
    private func admitted() -> WorkerSession {
        var session = WorkerSession()
        session.admitted()
        return session
    }

    private func offer(bytes: Int) throws -> Offer {
        let cell = try Fixtures.key(of: Fixtures.cell(prompt: "p", guidance: 1))
        return Fixtures.offer(cell, under: try Fixtures.lease(1), image: Array(repeating: 0, count: bytes))
    }

    @Test("the first frame is a hello or an inquiry, anything else is rejected")
    func greeting() {
        var session = WorkerSession()
        let hello = Fixtures.hello("ada", Fixtures.ada)
        #expect(session.received(.hello(hello)) == .admit(hello))
        session = WorkerSession()
        let inquire = Inquire(version: WireLimits.protocolVersion, secret: "")
        #expect(session.received(.inquire(inquire)) == .report(inquire))
        for message in [WorkerMessage.claim(Claim()), .bye, .chunk([1])] {
            session = WorkerSession()
            #expect(session.received(message) == .reject("the first frame must be a hello"))
            #expect(session.received(.hello(hello)) == .ignore)
        }
    }

    @Test("nobody introduces himself twice")
    func secondHello() {
        var session = admitted()
        #expect(session.received(.hello(Fixtures.hello("ada", Fixtures.ada))) == .reject("a second hello came"))
    }

    @Test("an upload is as many bytes as were offered, with beats in between")
    func upload() throws {
        var session = admitted()
        let offer = try offer(bytes: 5)
        #expect(session.received(.offer(offer)) == .judge(offer))
        session.expectUpload(of: 5)
        #expect(session.isUploading)
        #expect(session.received(.chunk([1, 2, 3])) == .store([1, 2, 3], isLast: false))
        let beat = Beat(lease: nil, cell: nil, step: 0, steps: 0)
        #expect(session.received(.beat(beat)) == .beat(beat))
        #expect(session.received(.chunk([4, 5])) == .store([4, 5], isLast: true))
        session.finishUpload()
        #expect(!session.isUploading)
        #expect(session.received(.offer(offer)) == .judge(offer))
    }

    @Test("a chunk too many, a chunk too long and a second offer are rejected")
    func disorder() throws {
        var session = admitted()
        #expect(session.received(.chunk([1])) == .reject("a chunk came that nobody asked for"))
        session = admitted()
        session.expectUpload(of: 2)
        #expect(session.received(.chunk([1, 2, 3])) == .reject("the image is longer than was offered"))
        session = admitted()
        session.expectUpload(of: 2)
        let second = try session.received(.offer(offer(bytes: 1)))
        #expect(second == .reject("an offer came before the upload of the last one was whole"))
    }

    @Test("what is left of an abandoned upload is swallowed and then acknowledged")
    func abandoned() throws {
        var session = admitted()
        session.expectUpload(of: 5)
        _ = session.received(.chunk([1]))
        let ack = Ack(cell: try offer(bytes: 1).cell, outcome: .later, reason: "disk full")
        #expect(session.abandonUpload(with: ack) == nil)
        #expect(session.received(.chunk([2, 3])) == .ignore)
        #expect(session.isUploading)
        #expect(session.received(.chunk([4, 5])) == .acknowledge(ack))
        #expect(!session.isUploading)
    }

    @Test("an upload abandoned after its last byte is acknowledged at once")
    func abandonedAtTheEnd() throws {
        var session = admitted()
        session.expectUpload(of: 1)
        _ = session.received(.chunk([1]))
        let ack = Ack(cell: try offer(bytes: 1).cell, outcome: .refused, reason: "no PNG")
        #expect(session.abandonUpload(with: ack) == ack)
        #expect(!session.isUploading)
    }

    @Test("nothing counts after a goodbye")
    func goodbye() {
        var session = admitted()
        #expect(session.received(.bye) == .leave)
        #expect(session.received(.claim(Claim())) == .ignore)
    }
}
