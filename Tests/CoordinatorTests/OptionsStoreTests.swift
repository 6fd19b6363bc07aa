import Foundation
import SharedModel
import Testing

@testable import Coordinator

@Suite("Options in the store")
struct OptionsStoreTests {
    @Test("options and the names of their files reach the worker, the grid and whoever asks with sqlite3")
    func roundTrip() async throws {
        let yaml = """
            name: s
            model: m
            size: 64x64
            prompts: p
            profile: a1111
            loras: [[], ink.safetensors:0.8]
            """
        let hash = String(repeating: "cd", count: 32)
        let plan = try Sweep(yaml: Array(yaml.utf8), file: "s.yaml").plan { _, _ in
            hash
        } fingerprints: { _ in
            Fixtures.fingerprint
        }
        let fixture = try await StoreFixture(plan)
        let granted = [try await fixture.claim(1), try await fixture.claim(2)].flatMap(\.cells)
        #expect(granted.map(\.cell) == plan.cells.map(\.cell))
        #expect(granted.allSatisfy { $0.key == $0.cell.key })
        #expect(granted.map(\.files) == [[:], [hash: "ink.safetensors"]])
        let asked = """
            SELECT json_extract(options, '$.profile') = 'a1111', json_array_length(options, '$.loras'),
                json_extract(files, '$.\(hash)') = 'ink.safetensors'
            FROM grid ORDER BY position
            """
        #expect(try await fixture.query(asked) == ["1|NULL|NULL", "1|1|1"])
        let rows = try SweepReader(fixture.temporary.directory).rows()
        #expect(rows.map(\.options.summary) == ["profile a1111", "profile a1111, loras ink.safetensors:0.8"])
    }
}
