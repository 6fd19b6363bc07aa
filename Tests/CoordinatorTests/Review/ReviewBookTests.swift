import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator

struct ReviewBookTests {
    @Test("what auditors say becomes one verdict, with their reasons, in the rows and in the export")
    func verdicts() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let cells = try fixture.reader.rows().map(\.cell)
        try await fixture.review { book in
            try await book.record(Opinion(cell: cells[0], auditor: "ada", verdict: .keep))
            try await book.record(Opinion(cell: cells[1], auditor: "ada", verdict: .reject, tags: [.hands, .fingers]))
            try await book.record(
                Opinion(cell: cells[1], auditor: "bob", verdict: .reject, tags: [.fingers], note: "six"))
            try await book.record(Opinion(cell: cells[2], auditor: "ada", verdict: .keep))
            try await book.record(Opinion(cell: cells[2], auditor: "bob", verdict: .reject, note: "her hair"))
        }
        let rows = try fixture.reader.rows()
        #expect(rows.map(\.verdict) == ["keep", "reject", "disputed", nil, nil, nil])
        #expect(rows[1].tags == [.fingers, .hands])
        #expect(rows[1].note == "six")
        #expect(try fixture.reader.opinions(on: cells[2]).map(\.opinion.auditor) == ["ada", "bob"])
        #expect(try fixture.reader.opinions(of: "bob").map(\.position) == [1, 2])
    }

    @Test("a later opinion takes the place of the first, and undoing brings the first back")
    func undo() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let cell = try #require(try fixture.reader.row(0)?.cell)
        try await fixture.review { book in
            try await book.record(Opinion(cell: cell, auditor: "ada", verdict: .keep))
            try await book.record(Opinion(cell: cell, auditor: "ada", verdict: .reject))
            #expect(try fixture.reader.row(0)?.verdict == "reject")
            #expect(try await book.undo(auditor: "bob") == nil)
            #expect(try await book.undo(auditor: "ada") == cell)
            #expect(try fixture.reader.row(0)?.verdict == "keep")
            #expect(try await book.undo(auditor: "ada") == cell)
            #expect(try fixture.reader.row(0)?.verdict == nil)
            #expect(try await book.undo(auditor: "ada") == nil)
        }
    }

    @Test("an opinion on a cell without an image, by nobody, or with an endless note is refused")
    func refusals() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { $0.position == 0 ? .done(try .plain(1)) : .leased }
        let cells = try fixture.reader.rows().map(\.cell)
        let bad = [
            Opinion(cell: cells[1], auditor: "ada", verdict: .keep),
            Opinion(cell: cells[0], auditor: "", verdict: .keep),
            Opinion(cell: cells[0], auditor: "a\nb", verdict: .keep),
            Opinion(cell: cells[0], auditor: String(repeating: "a", count: 65), verdict: .keep),
            Opinion(cell: cells[0], auditor: "ada", verdict: .keep, note: String(repeating: "a", count: 2001)),
        ]
        try await fixture.review { book in
            for opinion in bad {
                await #expect(throws: CoordinatorError.self) { try await book.record(opinion) }
            }
        }
        #expect(try fixture.reader.opinions().isEmpty)
    }

    @Test("measures are kept with their image, and only images without them are named as such")
    func measures() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { $0.position < 2 ? .done(try .plain(1)) : .leased }
        #expect(try fixture.reader.unmeasured(limit: 9).count == 2)
        let cell = try #require(try fixture.reader.row(1)?.cell)
        let measures = ImageMeasures(contrast: 0.25, sharpness: 100, highlights: 0.5, shadows: 0, saturation: 1)
        try await fixture.review { try await $0.record([(cell, measures)]) }
        #expect(try fixture.reader.row(1)?.measures == measures)
        #expect(try fixture.reader.row(0)?.measures == nil)
        #expect(try fixture.reader.measures() == [1: measures])
        #expect(try fixture.reader.unmeasured(limit: 9).count == 1)
    }

    @Test("what was read of an image is kept with it, and only unread images are named as such")
    func readings() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { $0.position < 2 ? .done(try .plain(1)) : .leased }
        #expect(try fixture.reader.unread(limit: 9).count == 2)
        let cell = try #require(try fixture.reader.row(1)?.cell)
        let reading = BoardReading(letters: 2, text: "pi")
        try await fixture.review { try await $0.record(reading, of: cell) }
        #expect(try fixture.reader.row(1)?.reading == reading)
        #expect(try fixture.reader.row(0)?.reading == nil)
        #expect(try fixture.reader.readings() == [1: reading])
        #expect(try fixture.reader.unread(limit: 9).count == 1)
        #expect(CSVRecord(try #require(try fixture.reader.row(1))).line.contains(",2,pi,"))
    }

    @Test("tags are kept in one order, each once, and unknown ones are passed over")
    func tags() {
        #expect(FlawTag.list("hands,no-such-tag,fingers") == [.fingers, .hands])
        #expect(FlawTag.text([.hands, .fingers, .hands]) == "fingers,hands")
    }

    @Test("a directory that is being judged is locked against coordinators and other judges")
    func lock() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .leased }
        let reviewed = try ReviewedDirectory(fixture.directory)
        #expect(throws: CoordinatorError.self) { try ReviewedDirectory(fixture.directory) }
        await reviewed.close()
    }
}

struct ImageMeasuresTests {
    @Test("an even image has no contrast, edges or colour")
    func even() throws {
        let grey = ImageMeasures(try .plain(0x808080))
        #expect(grey.contrast < 1e-6 && grey.sharpness < 1e-6 && grey.saturation == 0)
        #expect(grey.highlights == 0 && grey.shadows == 0)
    }

    @Test("a chess board has the most contrast, and as much white as black")
    func chess() throws {
        let pixels = (0..<64).flatMap { index -> [UInt8] in
            Array(repeating: (index % 8 + index / 8) % 2 == 0 ? 255 : 0, count: 3)
        }
        let board = ImageMeasures(try PNGImage(width: 8, height: 8, pixels: pixels))
        #expect(abs(board.contrast - 0.5) < 1e-6)
        #expect(board.highlights == 0.5 && board.shadows == 0.5)
        // Each inner pixel differs from its four neighbours by 255: the Laplacian is plus or minus 1020.
        #expect(abs(board.sharpness - 1020 * 1020) < 1)
    }

    @Test("pure colours are saturated, and images too small for an edge have no sharpness")
    func colour() throws {
        #expect(ImageMeasures(try .plain(0xFF0000)).saturation == 1)
        #expect(ImageMeasures(try .plain(0xFF0000, width: 2, height: 2)).sharpness == 0)
    }
}

extension GridFixture {
    /// Lets `body` judge, as `tmdne web` does.
    func review(_ body: (ReviewBook) async throws -> Void) async throws {
        let reviewed = try ReviewedDirectory(directory)
        try await body(reviewed.reviews)
        await reviewed.close()
    }
}
