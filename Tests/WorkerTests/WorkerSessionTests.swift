import SharedModel
import Testing

@testable import Worker

/// A session and the actions that it asked for, apart from what it tells people.
@Suite("The worker's session")
struct WorkerSessionTests {
    @Test("it connects, says hello, claims, renders, delivers and claims again")
    func happyPath() throws {
        var script = Script()
        #expect(script.after { $0.start() } == [.connect(host: "a", port: 1)])
        let joined = script.join()
        #expect(joined.hello == [])
        #expect(
            joined.actions == [
                .cancel(.welcome), .cancel(.delivery), .schedule(.beat, after: .seconds(5)), claim,
            ])

        let grant = try Fixtures.grant(1, cells: [1])
        #expect(script.receive(.grant(grant)) == [.render(grant, sweep: "s", skipping: [])])
        #expect(script.report(.onLastGroup(grant.lease)) == [claim])
        let entry = try Fixtures.entry(1, lease: 1)
        #expect(script.report(.spooled(entry)) == [.load(entry)])
        #expect(script.after { $0.loaded(entry.cell) } == [.send(.offer(entry.offer))])
        #expect(script.receive(.send(Send(cell: entry.cell))) == [.upload(entry.cell, offset: 0)])
        #expect(script.report(.ended(grant.lease)) == [])
        #expect(script.after { $0.sent(entry.cell) } == [])
        let ack = Ack(cell: entry.cell, outcome: .stored, reason: "")
        #expect(script.receive(.ack(ack)) == [.delete(entry)])
    }

    @Test("a preview is shown at once or never, and only while its cell is the worker's")
    func previews() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1, 2])
        _ = script.receive(.grant(grant))
        let previews = try (1...3).map {
            Preview(cell: try Fixtures.key($0), width: 1, height: 1, pixels: [0, 0, 0])
        }
        #expect(script.report(.previewed(previews[0])) == [.show(previews[0])])
        #expect(script.report(.previewed(previews[2])) == [])
        _ = script.after { $0.connectionClosed(reason: "cut") }
        #expect(script.report(.previewed(previews[1])) == [])
        _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        let joined = script.join(keeping: [grant.lease]).actions
        #expect(!joined.contains(.show(previews[1])))
        #expect(script.report(.previewed(previews[1])) == [.show(previews[1])])
        _ = script.receive(.beatReply(BeatReply(lost: [grant.lease])))
        #expect(script.report(.previewed(previews[1])) == [])
    }

    @Test("one shard is held in advance, not two, and begins when the one before ends")
    func prefetch() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let (first, second) = (try Fixtures.grant(1, cells: [1, 2]), try Fixtures.grant(2, cells: [3]))
        #expect(script.receive(.grant(first)) == [.render(first, sweep: "s", skipping: [])])
        #expect(script.report(.onLastGroup(first.lease)) == [claim])
        #expect(script.receive(.grant(second)) == [])
        #expect(script.report(.onLastGroup(first.lease)) == [])
        let actions = script.report(.ended(first.lease))
        #expect(actions.contains(.render(second, sweep: "s", skipping: [])))
        #expect(!actions.contains(claim))
    }

    @Test("the next image is offered while the one before waits for its acknowledgement")
    func pipelining() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        _ = script.receive(.grant(try Fixtures.grant(1, cells: [1, 2])))
        let (one, two) = (try Fixtures.entry(1, lease: 1), try Fixtures.entry(2, lease: 1))
        _ = script.report(.spooled(one))
        #expect(script.report(.spooled(two)) == [])
        _ = script.after { $0.loaded(one.cell) }
        _ = script.receive(.send(Send(cell: one.cell)))
        #expect(script.after { $0.sent(one.cell) } == [.load(two)])
        #expect(script.after { $0.loaded(two.cell) } == [.send(.offer(two.offer))])
        #expect(script.receive(.ack(Ack(cell: one.cell, outcome: .stored, reason: ""))) == [.delete(one)])
    }

    @Test("a lost connection keeps leases and images: both come up again after the next hello")
    func resumption() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1, 2])
        _ = script.receive(.grant(grant))
        let entry = try Fixtures.entry(1, lease: 1)
        _ = script.report(.spooled(entry))
        _ = script.after { $0.loaded(entry.cell) }
        _ = script.receive(.send(Send(cell: entry.cell)))

        let lost = script.after { $0.connectionClosed(reason: "cut") }
        #expect(lost.contains(.stopUpload))
        #expect(lost.last == .schedule(.reconnect, after: .milliseconds(500)))
        #expect(script.after { $0.timerFired(.reconnect, beat: beat) } == [.connect(host: "a", port: 1)])
        let joined = script.join()
        #expect(joined.hello == [grant.lease])
        #expect(joined.actions.contains(.load(entry)))
        #expect(script.deliver(entry.cell).contains(.delete(entry)))
    }

    @Test("an image acknowledged only after a cut is offered again, also when it was sent to its end")
    func unacknowledged() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        _ = script.after { $0.loaded(entry.cell) }
        _ = script.receive(.send(Send(cell: entry.cell)))
        _ = script.after { $0.sent(entry.cell) }
        _ = script.after { $0.connectionClosed(reason: "cut") }
        _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        #expect(script.join().actions.contains(.load(entry)))
    }

    @Test("leftovers of an earlier run are offered, then their lease is given back")
    func leftovers() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        let joined = script.join()
        #expect(joined.hello == [entry.lease])
        #expect(joined.actions.contains(.load(entry)))
        let delivered = script.deliver(entry.cell, .duplicate)
        #expect(delivered.contains(.delete(entry)))
        #expect(delivered.contains(.send(.release(Release(lease: entry.lease)))))
    }

    @Test("a cell whose image is in the spool is not rendered again")
    func skipping() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join(keeping: [])
        let grant = try Fixtures.grant(2, cells: [1, 2])
        #expect(script.receive(.grant(grant)) == [.render(grant, sweep: "s", skipping: [entry.cell])])
        _ = script.report(.spooled(try Fixtures.entry(2, lease: 2)))
        _ = script.report(.ended(grant.lease))
        #expect(script.deliver(entry.cell).sent.allSatisfy { $0 != .release(Release(lease: grant.lease)) })
    }

    @Test("a lease lost in a beat's answer is rendered no further, its finished image is offered all the same")
    func lostLease() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1, 2])
        _ = script.receive(.grant(grant))
        #expect(script.receive(.beatReply(BeatReply(lost: [grant.lease]))).first == .loseRendering(grant.lease))
        let entry = try Fixtures.entry(1, lease: 1)
        #expect(script.report(.spooled(entry)) == [.load(entry)])
        #expect(script.report(.ended(grant.lease)) == [claim])
        let delivered = script.deliver(entry.cell)
        #expect(delivered.contains(.delete(entry)))
        #expect(!delivered.contains(.send(.release(Release(lease: grant.lease)))))
    }

    @Test("a lease that the welcome does not name is lost")
    func lostWhileAway() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1])
        _ = script.receive(.grant(grant))
        _ = script.after { $0.connectionClosed(reason: "cut") }
        _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        #expect(script.join(keeping: []).actions.contains(.loseRendering(grant.lease)))
    }

    @Test("an idle answer is followed by a claim after the time that it names, never at once")
    func idle() {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        #expect(script.receive(.idle(Idle(reason: "", retrySeconds: 2))) == [.schedule(.claim, after: .seconds(2))])
        #expect(script.after { $0.timerFired(.claim, beat: beat) } == [claim])
        #expect(
            script.receive(.idle(Idle(reason: "", retrySeconds: 0))) == [.schedule(.claim, after: .milliseconds(50))])
    }

    @Test("what no coordinator should say closes the connection")
    func nonsense() throws {
        let nonsense: [CoordinatorMessage] = [
            .grant(try Fixtures.grant(1, cells: [1])), .send(Send(cell: try Fixtures.key(1))),
            .welcome(Script.welcome([])),
        ]
        for message in nonsense {
            var script = Script()
            _ = script.after { $0.start() }
            script.join()
            _ = script.receive(.idle(Idle(reason: "", retrySeconds: 9)))
            #expect(script.receive(message) == [.close])
        }
        var early = Script()
        _ = early.after { $0.start() }
        _ = early.after { $0.connected() }
        #expect(early.receive(.idle(Idle(reason: "", retrySeconds: 9))) == [.close])
    }

    @Test("an answer for an image that was not offered changes nothing")
    func strayAcknowledgement() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        #expect(script.receive(.ack(Ack(cell: entry.cell, outcome: .stored, reason: ""))) == [])
        #expect(script.after { $0.loaded(entry.cell) } == [.send(.offer(entry.offer))])
    }

    @Test("an image that the spool lost goes back with its lease")
    func unreadable() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        _ = script.receive(.grant(try Fixtures.grant(1, cells: [1])))
        _ = script.report(.spooled(entry))
        _ = script.report(.ended(entry.lease))
        let actions = script.after { $0.unreadable(entry.cell) }
        #expect(actions.contains(.delete(entry)))
        #expect(actions.contains(.send(.release(Release(lease: entry.lease)))))
    }
}
