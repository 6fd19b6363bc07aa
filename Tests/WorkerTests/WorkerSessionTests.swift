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

    @Test("waits grow from 0.5 to 10 s, and begin anew once the worker is let in")
    func backoff() {
        var script = Script()
        _ = script.after { $0.start() }
        var waits: [Duration] = []
        for _ in 0..<7 {
            for case .schedule(.reconnect, let wait) in script.after({ $0.connectionClosed(reason: "refused") }) {
                waits.append(wait)
            }
            _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        }
        let seconds: [Duration] = [.milliseconds(500), .seconds(1), .seconds(2), .seconds(4), .seconds(8)]
        #expect(waits == seconds + [.seconds(10), .seconds(10)])
        script.join()
        let closed = script.after { $0.connectionClosed(reason: "cut") }
        #expect(closed.contains(.schedule(.reconnect, after: .milliseconds(500))))
    }

    @Test("the shortest wait is a quarter of a second")
    func shortestWait() {
        var backoff = Backoff(
            shortest: .milliseconds(250), longest: .seconds(10), generator: ConstantGenerator(value: 0))
        #expect(backoff.next() == .milliseconds(250))
        #expect(backoff.next() == .milliseconds(250))
    }

    @Test("the hosts of the token are tried in turn, and the one that let the worker in first the next time")
    func hosts() {
        var script = Script(hosts: ["a", "b"])
        #expect(script.after { $0.start() } == [.connect(host: "a", port: 1)])
        _ = script.after { $0.connectionClosed(reason: "no route") }
        #expect(script.after { $0.timerFired(.reconnect, beat: beat) } == [.connect(host: "b", port: 1)])
        script.join()
        _ = script.after { $0.connectionClosed(reason: "cut") }
        #expect(script.after { $0.timerFired(.reconnect, beat: beat) } == [.connect(host: "b", port: 1)])
    }

    @Test("a refusal for good ends the session, another one is followed by a new attempt")
    func refusal() {
        var final = Script()
        _ = final.after { $0.start() }
        _ = final.after { $0.connected() }
        let refused = final.receive(.refused(Refused(reason: "The secret is wrong.", isFinal: true)))
        #expect(refused == [.end(.failed(.refused(reason: "The secret is wrong."))), .close])
        #expect(final.after { $0.connectionClosed(reason: "closed") } == [])

        var passing = Script()
        _ = passing.after { $0.start() }
        _ = passing.after { $0.connected() }
        #expect(passing.receive(.refused(Refused(reason: "Full.", isFinal: false))) == [.close])
        #expect(
            passing.after { $0.connectionClosed(reason: "") }.contains(.schedule(.reconnect, after: .milliseconds(500)))
        )
    }

    @Test("a coordinator of another version is refused for good")
    func otherVersion() {
        var script = Script()
        _ = script.after { $0.start() }
        _ = script.after { $0.connected() }
        var welcome = Script.welcome([])
        welcome.version += 1
        guard case .end(.failed(.refused)) = script.receive(.welcome(welcome)).first else {
            Issue.record("The session goes on.")
            return
        }
    }

    @Test("a coordinator that answers no beat for 30 s is left")
    func silence() {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        for _ in 0..<6 {
            #expect(script.after { $0.timerFired(.beat, beat: beat) }.sent == [.beat(beat)])
        }
        #expect(script.after { $0.timerFired(.beat, beat: beat) } == [.close])
    }

    @Test("any frame counts as a sign of life")
    func signsOfLife() {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        for _ in 0..<20 {
            #expect(script.after { $0.timerFired(.beat, beat: beat) }.sent == [.beat(beat)])
            _ = script.receive(.beatReply(BeatReply(lost: [])))
        }
    }

    @Test("an upload that goes on is a sign of life, since beats and their answers wait behind it")
    func slowUpload() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        _ = script.after { $0.loaded(entry.cell) }
        _ = script.receive(.send(Send(cell: entry.cell)))
        for _ in 0..<20 {
            #expect(script.after { $0.timerFired(.beat, beat: beat) }.sent == [.beat(beat)])
            script.session.uploadAdvanced()
        }
    }

    @Test("an image put off by the coordinator stays, is offered again later, and keeps a drained worker from ending")
    func later() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join()
        _ = script.after { $0.loaded(entry.cell) }
        let ack = Ack(cell: entry.cell, outcome: .later, reason: "The disk is full.")
        #expect(script.receive(.ack(ack)) == [.schedule(.offer, after: .seconds(5))])
        #expect(script.receive(.drain(Drain(reason: "Done."))) == [])
        #expect(script.after { $0.timerFired(.offer, beat: beat) } == [.load(entry)])
        #expect(script.deliver(entry.cell).sent.last == .bye)
    }

    @Test("a refused image is thrown away and its cell reported as failed, so that it is not rendered for ever")
    func refusedImage() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        _ = script.receive(.grant(try Fixtures.grant(1, cells: [1])))
        _ = script.report(.spooled(entry))
        let actions = script.deliver(entry.cell, .refused)
        #expect(actions.contains(.delete(entry)))
        #expect(
            actions.sent.contains { message in
                if case .fail(let fail) = message { fail.cell == entry.cell } else { false }
            })
    }

    @Test("a refused image of an earlier lease does not fail its cell: that goes back with the present lease")
    func refusedOldImage() throws {
        let entry = try Fixtures.entry(1, lease: 1)
        var script = Script(leftovers: [entry])
        _ = script.after { $0.start() }
        script.join(keeping: [])
        let grant = try Fixtures.grant(2, cells: [1])
        _ = script.receive(.grant(grant))
        _ = script.report(.ended(grant.lease))
        let actions = script.deliver(entry.cell, .refused)
        #expect(actions.contains(.delete(entry)))
        #expect(actions.sent.contains(.release(Release(lease: grant.lease))))
        #expect(
            actions.sent.allSatisfy { message in
                if case .fail = message { false } else { true }
            })
    }

    @Test("a lease whose last image was there already is given back, one that was finished by its image is not")
    func doneElsewhere() throws {
        for (outcome, isReleased) in [(Ack.Outcome.duplicate, true), (.stored, false)] {
            var script = Script()
            _ = script.after { $0.start() }
            script.join()
            let grant = try Fixtures.grant(1, cells: [1])
            _ = script.receive(.grant(grant))
            let entry = try Fixtures.entry(1, lease: 1)
            _ = script.report(.spooled(entry))
            _ = script.report(.ended(grant.lease))
            let delivered = script.deliver(entry.cell, outcome)
            #expect(delivered.sent.contains(.release(Release(lease: grant.lease))) == isReleased)
        }
    }

    @Test("a failed cell is told at once, or after the next hello when the coordinator is away")
    func failure() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1, 2])
        _ = script.receive(.grant(grant))
        let keys = try (1...2).map(Fixtures.key)
        let fail = Fail(lease: grant.lease, cell: keys[0], reason: "Out of memory.")
        #expect(script.report(.failed(grant.lease, keys[0], reason: "Out of memory.")) == [.send(.fail(fail))])
        _ = script.after { $0.connectionClosed(reason: "cut") }
        #expect(script.report(.failed(grant.lease, keys[1], reason: "Again.")) == [])
        #expect(script.report(.ended(grant.lease)) == [])
        _ = script.after { $0.timerFired(.reconnect, beat: beat) }
        let joined = script.join()
        #expect(joined.hello == [grant.lease])
        #expect(
            joined.actions.sent == [.fail(Fail(lease: grant.lease, cell: keys[1], reason: "Again.")), .claim(Claim())])
    }

    @Test("a full spool stops the claims, not the uploads")
    func fullSpool() throws {
        let entries = try (1...2).map { try Fixtures.entry($0, lease: 1) }
        var script = Script(leftovers: entries, limits: SpoolLimits(count: 2, bytes: 1 << 20))
        _ = script.after { $0.start() }
        let joined = script.join()
        #expect(!joined.actions.contains(claim))
        #expect(joined.actions.contains(.load(entries[0])))
        #expect(script.deliver(entries[0].cell).contains(claim))
    }

    @Test("a spool that takes no image gives the lease back and claims again after a pause")
    func brokenSpool() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1])
        _ = script.receive(.grant(grant))
        let broken = script.report(.spoolBroken(grant.lease, reason: "The disk is full."))
        #expect(broken == [.schedule(.claim, after: .seconds(30))])
        #expect(script.report(.ended(grant.lease)) == [.send(.release(Release(lease: grant.lease)))])
        #expect(script.after { $0.timerFired(.claim, beat: beat) } == [claim])
    }

    @Test("a model that this host lacks gives the shard back with the reason, and the worker asks for others")
    func unusableModel() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let grant = try Fixtures.grant(1, cells: [1])
        _ = script.receive(.grant(grant))
        let error = WorkerError.unusableModel(name: "tiny", reason: "another fingerprint")
        #expect(script.report(.unusable(grant.lease, error)) == [])
        let release = WorkerMessage.release(Release(lease: grant.lease, unable: "\(error)"))
        #expect(script.report(.ended(grant.lease)).sent == [release, .claim(Claim())])

        // Nothing else is left for it: it ends, and says why.
        #expect(script.receive(.drain(Drain(reason: "none of the models"))).sent == [.bye])
        #expect(script.after { $0.connectionClosed(reason: "closed") } == [.end(.failed(error))])
    }

    @Test("a worker that no cell is for ends with the reason, unless it has been of use", arguments: [false, true])
    func unfit(hasDelivered: Bool) throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        if hasDelivered { script.session.hasDelivered = true }
        #expect(script.receive(.drain(Drain(reason: "Too small.", isUnfit: true))).sent == [.bye])
        let ending = hasDelivered ? SessionEnding.done : .failed(WorkerError.unfit(reason: "Too small."))
        #expect(script.after { $0.connectionClosed(reason: "closed") } == [.end(ending)])
    }

    @Test("a coordinator that goes on granting what this host can't render is left with the reason")
    func unusableForEver() throws {
        var script = Script()
        _ = script.after { $0.start() }
        script.join()
        let error = WorkerError.unusableModel(name: "tiny", reason: "another fingerprint")
        for number in 1...16 {
            let grant = try Fixtures.grant(number, cells: [1])
            _ = script.receive(.grant(grant))
            _ = script.report(.unusable(grant.lease, error))
            let sent = script.report(.ended(grant.lease)).sent
            #expect(sent.last == (number == 16 ? .bye : .claim(Claim())))
        }
        #expect(script.after { $0.connectionClosed(reason: "closed") } == [.end(.failed(error))])
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
