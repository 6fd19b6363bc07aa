import SharedModel
import Testing

@testable import Worker

@Suite("What a worker's session does with images, cells and leases that come to nothing")
struct WorkerTroubleTests {
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
}
