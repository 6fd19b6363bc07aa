import Foundation
import Testing

@testable import SharedModel

@Suite("The lists of a plan")
struct PlanListTests {
    private let squares = PlanList(count: 5) { Shard(cells: Array(repeating: PlanListTests.key, count: $0 * $0)) }
    private static let key = Cell(
        fingerprint: "", guidance: 1, height: 8, negativePrompt: "", prompt: "", sampler: .ddim, seed: 0, steps: 1,
        width: 8
    ).key

    @Test("what is worked out when asked for equals what is listed")
    func computed() {
        #expect(squares.map(\.cells.count) == [0, 1, 4, 9, 16])
        #expect(squares == PlanList(Array(squares)))
        #expect(squares != PlanList(Array(squares.dropLast())))
    }

    @Test("a changed list keeps its other elements")
    func changed() {
        var list = squares
        list[1].cells = []
        list.append(Shard(cells: [Self.key]))
        list.removeFirst()
        #expect(list.map(\.cells.count) == [0, 4, 9, 16, 1])
        #expect(squares.count == 5)
    }

    @Test("rows are told apart by everything but guidance, and texts by their bytes")
    func rows() throws {
        let sweep = Sweep(
            name: "s", models: ["m"], sizes: [try ImageSize("64x64")], seeds: [1, 2],
            prompts: ["caf\u{E9}", "cafe\u{301}"], guidance: [1, 2, 3])
        let plan = try sweep.plan { _ in String(repeating: "f", count: 64) }
        var rows: [Cell] = []
        plan.forEachRow { rows.append($0.cell) }
        #expect(plan.cells.count == 12)
        #expect(rows.map(\.seed) == [1, 1, 2, 2])
        #expect(rows.map(\.prompt.utf8.count) == [5, 6, 5, 6])
        #expect(rows.allSatisfy { $0.guidance == 1 })
    }
}
