import SharedModel
import Testing

@testable import Coordinator

struct FlawTests {
    @Test(
        "the interval of a share is Wilson's, also for none and all",
        arguments: [
            // From the closed form, computed with Python's floats.
            (FlawRate(judged: 10, flawed: 3), 0.107789, 0.603222),
            (FlawRate(judged: 10, flawed: 0), 0.0, 0.277533),
            (FlawRate(judged: 4, flawed: 4), 0.510109, 1.0),
            (FlawRate(judged: 200, flawed: 100), 0.431359, 0.568641),
        ])
    func wilson(rate: FlawRate, low: Double, high: Double) throws {
        let interval = try #require(rate.interval)
        #expect(abs(interval.lowerBound - low) < 1e-5)
        #expect(abs(interval.upperBound - high) < 1e-5)
    }

    @Test("nothing is known of images that nobody has judged")
    func nothing() {
        #expect(FlawRate().share == nil)
        #expect(FlawRate().interval == nil)
    }

    @Test("flaws are counted by two axes, each image once in a field, a row, a column and in all")
    func map() async throws {
        let fixture = try await GridFixture(HandmadeGrid(prompts: ["one", "two"])) { _ in .done(try .plain(1)) }
        let grid = try GridIndex(fixture.reader)
        let opinions = try fixture.opinions([
            (0, "ada", .reject, [.fingers]), (1, "ada", .keep, []), (3, "ada", .reject, [.face]), (6, "ada", .keep, []),
        ])
        let map = FlawMap(grid, opinions, rows: .style, columns: .guidance)
        #expect(map.rows == ["none", "sai-photographic"])
        #expect(map.columns == ["5", "5.5", "6"])
        // Two prompts: positions 0 and 6 are both none at 5.
        #expect(map.fields[0][0] == FlawMap.Field(rate: FlawRate(judged: 2, flawed: 1), cells: 2))
        #expect(map.fields[0][1].rate == FlawRate(judged: 1, flawed: 0))
        #expect(map.rowTotals.map(\.rate) == [FlawRate(judged: 3, flawed: 1), FlawRate(judged: 1, flawed: 1)])
        #expect(map.columnTotals.map(\.rate.judged) == [3, 1, 0])
        #expect(map.total == FlawMap.Field(rate: FlawRate(judged: 4, flawed: 2), cells: 12))
        let fingers = FlawMap(grid, opinions, rows: .prompt, columns: .style, filter: .init(tag: .fingers))
        #expect(fingers.total.rate == FlawRate(judged: 4, flawed: 1))
    }

    @Test("an image on which auditors differ is disputed and in no rate, and one auditor alone can be asked")
    func disputed() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let grid = try GridIndex(fixture.reader)
        let opinions = try fixture.opinions([
            (0, "ada", .reject, []), (0, "bob", .keep, []), (1, "ada", .keep, []), (1, "bob", .keep, []),
        ])
        let all = FlawMap(grid, opinions, rows: .style, columns: .guidance)
        #expect(all.total == FlawMap.Field(rate: FlawRate(judged: 1, flawed: 0), disputed: 1, cells: 6))
        let ada = FlawMap(grid, opinions, rows: .style, columns: .guidance, filter: .init(auditor: "ada"))
        #expect(ada.total.rate == FlawRate(judged: 2, flawed: 1))
    }

    @Test("agreement is counted on the images that both judged, and kappa takes chance away")
    func agreement() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        // 4 shared, 3 agreed; both keep half: chance 0.5, kappa (0.75 - 0.5) / 0.5.
        let opinions = try fixture.opinions([
            (0, "ada", .keep, []), (1, "ada", .keep, []), (2, "ada", .reject, []), (3, "ada", .reject, []),
            (0, "bob", .keep, []), (1, "bob", .reject, []), (2, "bob", .reject, []), (3, "bob", .reject, []),
            (4, "bob", .keep, []), (5, "eve", .keep, []),
        ])
        let pairs = Agreement.pairs(opinions)
        #expect(pairs.map(\.auditors) == [["ada", "bob"], ["ada", "eve"], ["bob", "eve"]])
        #expect(pairs.map(\.images) == [4, 0, 0])
        #expect(pairs[0].agreed == 3)
        #expect(pairs[0].kappa == 0.5)
        #expect(pairs[1].kappa == nil)
    }
}

extension GridFixture {
    /// Opinions as the database would give them.
    fileprivate func opinions(
        _ said: [(position: Int, auditor: String, verdict: Opinion.Verdict, tags: [FlawTag])]
    ) throws -> [PlacedOpinion] {
        let rows = try reader.rows()
        return said.map { said in
            PlacedOpinion(
                position: said.position,
                opinion: Opinion(
                    cell: rows[said.position].cell, auditor: said.auditor, verdict: said.verdict, tags: said.tags))
        }
    }
}
