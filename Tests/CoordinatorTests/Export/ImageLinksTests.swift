import Foundation
import PNG
import Testing

@testable import Coordinator

struct ImageLinksTests {
    private static func links(in folder: URL) throws -> [String] {
        let names = try #require(FileManager.default.enumerator(atPath: folder.path)).allObjects
        return names.compactMap { $0 as? String }.filter { $0.hasSuffix(".png") }.sorted()
    }

    @Test("links are named by the pattern and lead to the images")
    func pattern() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { $0.position == 5 ? .leased : .done(try .plain(0x336699)) }
        let folder = fixture.directory.url.appending(path: "links")
        let pattern = try LinkPattern("{prompt}/{style}/g{guidance}.png")
        let count = try ImageLinks.make(
            fixture.reader, fixture.directory, in: folder, pattern: pattern, isKeptOnly: false)
        #expect(count == 5)
        #expect(
            try Self.links(in: folder) == [
                "a circle/none/g5.5.png", "a circle/none/g5.png", "a circle/none/g6.png",
                "a circle/sai-photographic/g5.5.png", "a circle/sai-photographic/g5.png",
            ])
        let image = try fixture.picture(folder.appending(path: "a circle/none/g5.png").path)
        #expect(image.color(x: 0, y: 0) == 0x336699)
        // Again, over the links of the first time.
        #expect(
            try ImageLinks.make(fixture.reader, fixture.directory, in: folder, pattern: pattern, isKeptOnly: false) == 5
        )
    }

    @Test("numbers count what is linked, from 1, and only kept images when asked")
    func numbers() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let rows = try fixture.reader.rows()
        try await fixture.review { book in
            for row in [rows[1], rows[4]] {
                try await book.record(Opinion(cell: row.cell, auditor: "ada", verdict: .keep))
            }
        }
        let folder = fixture.directory.url.appending(path: "flat")
        let count = try ImageLinks.make(
            fixture.reader, fixture.directory, in: folder, pattern: LinkPattern("image({n}).png"), isKeptOnly: true)
        #expect(count == 2)
        #expect(try Self.links(in: folder) == ["image(1).png", "image(2).png"])
    }

    @Test("names that would be equal get a number")
    func collisions() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let folder = fixture.directory.url.appending(path: "flat")
        let count = try ImageLinks.make(
            fixture.reader, fixture.directory, in: folder, pattern: LinkPattern("{style}.png"), isKeptOnly: false)
        #expect(count == 6)
        #expect(try Self.links(in: folder).prefix(3) == ["none (2).png", "none (3).png", "none.png"])
    }

    @Test("a file that is no link is never replaced")
    func otherFiles() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let folder = fixture.directory.url.appending(path: "flat")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: folder.appending(path: "none.png"))
        #expect(throws: CoordinatorError.self) {
            try ImageLinks.make(
                fixture.reader, fixture.directory, in: folder, pattern: LinkPattern("{style}.png"), isKeptOnly: false)
        }
        #expect(try String(contentsOf: folder.appending(path: "none.png"), encoding: .utf8) == "mine")
    }

    @Test(
        "values can't leave the folder, hide or grow too long",
        arguments: [
            ("../../etc/passwd", "_.._etc_passwd.png"), ("a/b\\c", "a_b_c.png"), ("  ", "_.png"),
            (".hidden", "hidden.png"),
            ("nul\u{0}\u{7F}\r\nx", "nul_x.png"), ("two  spaces", "two spaces.png"),
            (String(repeating: "é", count: 300), String(repeating: "é", count: 50) + ".png"),
        ])
    func hostile(prompt: String, name: String) async throws {
        let fixture = try await GridFixture(HandmadeGrid(styles: ["none"], guidance: [5])) { _ in .leased }
        var row = try #require(try fixture.reader.row(0))
        row.prompt = prompt
        #expect(try LinkPattern("{prompt}.png").path(of: row, number: 1) == name)
    }

    @Test(
        "a pattern that leads elsewhere or asks for what is not known is refused",
        arguments: ["", "/{n}.png", "../{n}.png", "a//b", "{n", "{who}.png", "a/./b"])
    func badPatterns(pattern: String) {
        #expect(throws: CoordinatorError.self) { try LinkPattern(pattern) }
    }
}
