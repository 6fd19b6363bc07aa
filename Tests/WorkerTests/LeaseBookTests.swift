import SharedModel
import Testing

@testable import Worker

@Suite("The worker's book of leases")
struct LeaseBookTests {
    @Test("a cell that is delivered under an earlier lease while a later one waits is not rendered again")
    func deliveredWhileQueued() throws {
        var book = LeaseBook(leftovers: [])
        let (first, second) = (try Fixtures.grant(1, cells: [1]), try Fixtures.grant(2, cells: [1, 2, 3]))
        book.add(first)
        _ = book.beginNext { _ in false }
        book.owes(first.cells[0].key, under: first.lease)
        #expect(book.lose([first.lease]) == [first.lease])
        book.add(second)
        book.told(first.cells[0].key, isDone: true)
        book.ended(first.lease)
        let begun = try #require(book.beginNext { $0 == second.cells[1].key })
        #expect(begun.grant == second)
        #expect(begun.skipped == Set(second.cells[0...1].map(\.key)))
        // What is in the spool is still to be delivered, what is delivered is not.
        book.ended(second.lease)
        book.told(second.cells[1].key, isDone: true)
        #expect(book.settle() == [second.lease])
    }
}
