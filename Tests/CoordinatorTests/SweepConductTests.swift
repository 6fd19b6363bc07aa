import Testing

@testable import Coordinator

@Suite("The conduct of a sweep")
struct SweepConductTests {
    private let start = ContinuousClock.now

    private func mayEnd(
        _ conduct: inout SweepConduct, after seconds: Double, isEmpty: Bool = true, hasGuests: Bool = false
    ) -> Bool {
        conduct.mayEnd(
            isEmpty: isEmpty, hasGuests: hasGuests, farewell: .seconds(10), now: start + .seconds(seconds))
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

    @Test("a drained coordinator ends when nobody is left, at the latest after the farewell")
    func farewell() {
        var conduct = SweepConduct()
        #expect(!mayEnd(&conduct, after: 0))
        _ = conduct.drain("done")
        #expect(!mayEnd(&conduct, after: 1, isEmpty: false, hasGuests: true))
        #expect(!mayEnd(&conduct, after: 5, hasGuests: true))
        #expect(!mayEnd(&conduct, after: 15, hasGuests: true))
        #expect(mayEnd(&conduct, after: 15.1, hasGuests: true))

        var left = SweepConduct()
        _ = left.drain("done")
        #expect(mayEnd(&left, after: 1))
    }

    @Test("a lease that is granted back to somebody begins the farewell anew")
    func farewellAnew() {
        var conduct = SweepConduct()
        _ = conduct.drain("done")
        #expect(!mayEnd(&conduct, after: 0, hasGuests: true))
        #expect(!mayEnd(&conduct, after: 9, isEmpty: false, hasGuests: true))
        #expect(!mayEnd(&conduct, after: 11, hasGuests: true))
        #expect(mayEnd(&conduct, after: 22, hasGuests: true))
    }

    @Test("a worker whose connection broke is waited for, so that it hears of the end; not for ever")
    func strayed() {
        var conduct = SweepConduct()
        conduct.left("ada", saidGoodbye: false, now: start)
        conduct.left("emmy", saidGoodbye: true, now: start)
        _ = conduct.drain("done")
        #expect(!mayEnd(&conduct, after: 1))
        var back = conduct
        back.joined("ada")
        #expect(mayEnd(&back, after: 1.5))
        #expect(mayEnd(&conduct, after: 15))
    }

    @Test("a coordinator that is shutting down is not ended by its drain")
    func shutDown() {
        var conduct = SweepConduct()
        _ = conduct.drain("done")
        conduct.isShuttingDown = true
        #expect(!mayEnd(&conduct, after: 100))
        #expect(conduct.reasonToOfferLater == "The coordinator is shutting down.")
    }
}
