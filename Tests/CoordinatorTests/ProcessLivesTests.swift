import SharedModel
import Testing

@testable import Coordinator

@Suite("Lives of workers' processes")
struct ProcessLivesTests {
    @Test("a process that comes back has what it was granted named, another one has not")
    func lives() throws {
        var lives = ProcessLives()
        let first = lives.joined("ada", life: "1")
        for number in 1...2 { lives.granted(try Fixtures.lease(number), to: "ada") }
        lives.granted(try Fixtures.lease(3), to: "emmy")
        let again = lives.joined("ada", life: "1")
        let other = lives.joined("emmy", life: "1")
        let restarted = lives.joined("ada", life: "2")
        let silent = lives.joined("ada", life: nil)
        #expect(first + other + restarted + silent == [])
        let granted = try (1...2).map(Fixtures.lease)
        #expect(again == granted)
    }

    @Test("no more is remembered than a process can hold twice over")
    func memory() throws {
        var lives = ProcessLives()
        _ = lives.joined("ada", life: "1")
        for number in 1...40 { lives.granted(try Fixtures.lease(number), to: "ada") }
        let remembered = lives.joined("ada", life: "1")
        let latest = try (25...40).map(Fixtures.lease)
        #expect(remembered == latest)
    }
}
