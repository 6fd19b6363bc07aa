import SharedModel
import Testing

@testable import Worker

/// How a session ends: drained by the coordinator or stopped by a person.
@Suite("The worker's session comes to its end")
struct WorkerFarewellTests {
    @Test("a drain lets the running and the waiting shard be finished and delivered, then comes the bye")
    func drain() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let (first, second) = (try Fixtures.grant(1, cells: [1]), try Fixtures.grant(2, cells: [2]))
        _ = script.receive(.grant(first))
        _ = script.report(.onLastGroup(first.lease))
        _ = script.receive(.grant(second))
        #expect(script.receive(.drain(Drain(reason: "Done."))) == [])
        let (one, two) = (try Fixtures.entry(1, lease: 1), try Fixtures.entry(2, lease: 2))
        _ = script.report(.spooled(one))
        #expect(script.report(.ended(first.lease)) == [.render(second, sweep: "s", skipping: [])])
        _ = script.deliver(one.cell)
        _ = script.report(.spooled(two))
        #expect(script.report(.ended(second.lease)) == [])
        let last = script.deliver(two.cell)
        #expect(last.sent.last == .bye)
        #expect(script.after { $0.connectionClosed(reason: "closed") } == [.end(.done)])
    }

    @Test("a drain outlives the connection: a worker that is still rendering ends when it has nothing to deliver")
    func drainedWhileRendering() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1])
        _ = script.receive(.grant(grant))
        _ = script.receive(.drain(Drain(reason: "Done.")))
        let closed = script.after { $0.connectionClosed(reason: "closed") }
        #expect(closed.last == .schedule(.reconnect, after: .milliseconds(500)))
        #expect(script.report(.ended(grant.lease)) == [.end(.done)])
    }

    @Test("a drained worker with images tries to deliver them for a minute, then leaves them in the spool and ends")
    func drainedWithImages() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1])
        _ = script.receive(.grant(grant))
        _ = script.receive(.drain(Drain(reason: "Done.")))
        _ = script.after { $0.connectionClosed(reason: "closed") }
        #expect(script.report(.spooled(try Fixtures.entry(1, lease: 1))) == [])
        #expect(script.report(.ended(grant.lease)) == [.schedule(.delivery, after: .seconds(60))])
        #expect(script.after { $0.timerFired(.reconnect, beat: beat) } == [.connect(host: "a", port: 1)])
        let refused = script.after { $0.connectionClosed(reason: "refused") }
        #expect(!refused.contains(.schedule(.delivery, after: .seconds(60))))
        #expect(script.after { $0.timerFired(.delivery, beat: beat) } == [.end(.done), .close])
    }

    @Test("a drained worker that is let in again is drained no longer")
    func drainedAndBack() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        _ = script.receive(.drain(Drain(reason: "Done.")))
        let closed = script.after { $0.connectionClosed(reason: "closed") }
        #expect(closed.contains(.schedule(.delivery, after: .seconds(60))))
        _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        let joined = script.join()
        #expect(joined.actions.contains(.cancel(.delivery)))
        #expect(joined.actions.contains(claim))
        #expect(script.after { $0.timerFired(.delivery, beat: beat) } == [])
    }

    @Test("a coordinator that drained and does not close is left after a while")
    func farewell() {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let drained = script.receive(.drain(Drain(reason: "Done.")))
        #expect(drained == [.send(.bye), .cancel(.beat), .schedule(.farewell, after: .seconds(2))])
        #expect(script.after { $0.timerFired(.farewell, beat: beat) } == [.end(.done), .close])
    }

    @Test("a stop finishes the image, delivers it, gives back both leases and ends")
    func stop() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let (first, second) = (try Fixtures.grant(1, cells: [1, 2]), try Fixtures.grant(2, cells: [3]))
        _ = script.receive(.grant(first))
        _ = script.report(.onLastGroup(first.lease))
        _ = script.receive(.grant(second))
        let stopped = script.after { $0.stop() }
        #expect(stopped.contains(.windDownRendering))
        #expect(stopped.sent == [.release(Release(lease: second.lease))])
        let entry = try Fixtures.entry(1, lease: 1)
        _ = script.report(.spooled(entry))
        #expect(script.report(.ended(first.lease)) == [])
        #expect(script.deliver(entry.cell).sent.suffix(2) == [.release(Release(lease: first.lease)), .bye])
    }

    @Test("a grant that comes after the stop is given back")
    func grantAfterStop() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        _ = script.after { $0.stop() }
        let grant = try Fixtures.grant(2, cells: [2])
        #expect(script.receive(.grant(grant)) == [.send(.release(Release(lease: grant.lease)))])
    }

    @Test("a stop while the coordinator is away ends as soon as the image is in the spool")
    func stopWhileAway() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1, 2])
        _ = script.receive(.grant(grant))
        _ = script.after { $0.connectionClosed(reason: "cut") }
        #expect(!script.after { $0.stop() }.contains(.end(.done)))
        #expect(script.report(.spooled(try Fixtures.entry(1, lease: 1))) == [])
        #expect(script.report(.ended(grant.lease)) == [.end(.done)])
    }

    @Test("patience ends too: then the rendering is cut off and the rest given back by the bye")
    func impatience() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        _ = script.receive(.grant(try Fixtures.grant(1, cells: [1])))
        _ = script.after { $0.stop() }
        let actions = script.after { $0.timerFired(.patience, beat: beat) }
        #expect(actions == [.abortRendering, .send(.bye), .end(.done), .close])
    }
}
