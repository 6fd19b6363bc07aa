import Testing

@testable import Diffusion

@Suite("The limit on addresses")
struct AddressSpaceTests {
    @Test("what is mapped without memory of its own is not there for rendering")
    func budget() {
        // Of 765 pages 439 are in memory, 411 of them a file's: 28 are the process's own.
        let line = "765 439 411 5 0 123 0\n"
        #expect(AddressSpace.budget(limit: 4096 * 1000, statistics: line, pageSize: 4096) == 4096 * 263)
        #expect(AddressSpace.budget(limit: 4096, statistics: line, pageSize: 4096) == 0)
        #expect(AddressSpace.budget(limit: 4096, statistics: "765 439", pageSize: 4096) == nil)
        #expect(AddressSpace.budget(limit: 4096, statistics: "", pageSize: 4096) == nil)
    }
}
