import SharedModel
import Testing

@testable import Coordinator

@Suite("The conduct of a sweep")
struct SweepConductTests {
    private let start = ContinuousClock.now

    /// A look at whether the coordinator may end: when, whether nobody holds a lease, whether anybody is connected.
    private typealias Look = (after: Double, isEmpty: Bool, hasGuests: Bool)

    /// What ten seconds of farewell make of looks that follow one another.
    private func answers(_ conduct: SweepConduct, _ looks: [Look]) -> [Bool] {
        var conduct = conduct
        return looks.map { look in
            conduct.mayEnd(
                isEmpty: look.isEmpty, hasGuests: look.hasGuests, farewell: .seconds(10),
                now: start + .seconds(look.after))
        }
    }

    @Test("what is said outranks what is less: drained, disk full, paused, running")
    func states() {
        var conduct = SweepConduct()
        conduct.warning = "a warning"
        #expect(conduct.state == .running && conduct.message == "a warning" && conduct.reasonToWait == nil)
        conduct.isPaused = true
        #expect(conduct.state == .paused && conduct.reasonToWait == "The sweep is paused.")
        conduct.diskProblem = "The disk is full."
        #expect(conduct.state == .diskFull && conduct.message == "The disk is full.")
        #expect(conduct.reasonToWait == "The disk is full." && conduct.reasonToOfferLater == "The disk is full.")
        let isNews = conduct.drain("enough")
        let isNewsAgain = conduct.drain("again")
        #expect(isNews && !isNewsAgain)
        #expect(conduct.state == .draining && conduct.message == "enough")
    }

    @Test("a sweep waits five minutes for a worker whose death parked a cell to prove that it lives")
    func doubt() {
        var conduct = SweepConduct()
        #expect(conduct.mayDrain && conduct.message == nil)
        conduct.doubt("a", now: start)
        conduct.doubt("b", now: start + .seconds(30))
        conduct.tick(now: start + .seconds(299))
        #expect(!conduct.mayDrain && conduct.message?.contains("five minutes") == true)
        conduct.settle("a")
        conduct.tick(now: start + .seconds(329))
        #expect(!conduct.mayDrain)
        conduct.tick(now: start + .seconds(330))
        #expect(conduct.mayDrain && conduct.message == nil)
    }

    @Test("a drained coordinator ends when nobody is left, at the latest after the farewell")
    func farewell() {
        var conduct = SweepConduct()
        #expect(answers(conduct, [(0, true, false)]) == [false])
        _ = conduct.drain("done")
        let looks: [Look] = [(1, false, true), (5, true, true), (15, true, true), (15.1, true, true)]
        #expect(answers(conduct, looks) == [false, false, false, true])
        #expect(answers(conduct, [(1, true, false)]) == [true])
    }

    @Test("a lease that somebody holds again begins the farewell anew")
    func farewellAnew() {
        var conduct = SweepConduct()
        _ = conduct.drain("done")
        let looks: [Look] = [(0, true, true), (9, false, true), (11, true, true), (22, true, true)]
        #expect(answers(conduct, looks) == [false, false, false, true])
    }

    @Test("a worker whose connection broke is waited for, so that it hears of the end; not for ever")
    func strayed() {
        var conduct = SweepConduct()
        conduct.left("ada", saidGoodbye: false, now: start)
        conduct.left("emmy", saidGoodbye: true, now: start)
        _ = conduct.drain("done")
        #expect(answers(conduct, [(1, true, false), (15, true, false)]) == [false, true])
        conduct.joined("ada")
        #expect(answers(conduct, [(1.5, true, false)]) == [true])
    }

    @Test("a coordinator that is shutting down is not ended by its drain")
    func shutDown() {
        var conduct = SweepConduct()
        _ = conduct.drain("done")
        conduct.isShuttingDown = true
        #expect(answers(conduct, [(100, true, false)]) == [false])
        #expect(conduct.reasonToOfferLater == "The coordinator is shutting down.")
    }
}
