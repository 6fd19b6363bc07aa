import SharedModel
import Testing

@testable import Worker

@Suite("How a worker's session finds its coordinator, and leaves one that is silent")
struct WorkerConnectionTests {
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
}
