import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator

struct ContactSheetTests {
    /// A colour of its own for each position.
    private static func color(_ position: Int) -> UInt32 {
        0x2060A0 + UInt32(position) * 0x051020
    }

    @Test("a small sweep is one sheet under the name asked for, each image in the middle of its tile, holes in words")
    func oneSheet() async throws {
        let grid = HandmadeGrid()
        let fixture = try await GridFixture(grid) { row in
            switch row.position {
            case 4: .failed("Too hard.")
            case 5: .pending
            default: .done(try .plain(Self.color(row.position)))
            }
        }
        let output = fixture.path("out.png")
        #expect(try ContactSheet.write(fixture.reader, fixture.directory, to: output) == [output])
        let sheet = try fixture.picture(output)
        let colors = sheet.colors
        for position in 0..<4 { #expect(colors.contains(Self.color(position)), "position \(position)") }
        #expect(!colors.contains(Self.color(4)))
        #expect(colors.contains(0xEFEDE8), "a pending tile")
        #expect(colors.contains(0xF6E1DC), "a failed tile")
        #expect(sheet.color(x: 0, y: 0) == 0xFBFAF8)
        let files = try FileManager.default.contentsOfDirectory(atPath: fixture.directory.url.path)
        #expect(!files.contains { $0.hasSuffix(".new") })
    }

    @Test("labels that no font here can write are named, each once")
    func fonts() async throws {
        // The last character for private use, for which nobody makes a shape.
        let strange = "a circle \u{10FFFD}"
        let fixture = try await GridFixture(HandmadeGrid(prompts: ["a circle", strange])) { _ in .pending }
        #expect(try ContactSheet.labelsWithoutFont(fixture.reader) == [strange])
    }

    @Test("images stand in their row and column, at the size of a tile")
    func places() async throws {
        let grid = HandmadeGrid()
        let fixture = try await GridFixture(grid) { row in .done(try .plain(Self.color(row.position))) }
        let output = fixture.path("out.png")
        let options = ContactSheet.Options(tile: 96)
        _ = try ContactSheet.write(fixture.reader, fixture.directory, to: output, options: options)
        let sheet = try fixture.picture(output)
        let metrics = SheetMetrics(width: grid.width, height: grid.height, tile: 96) { _ in 0 }
        var corners: [[Int]] = []
        for position in 0..<6 {
            let found = (0..<sheet.width * sheet.height).filter {
                sheet.color(x: $0 % sheet.width, y: $0 / sheet.width) == Self.color(position)
            }
            let left = try #require(found.map { $0 % sheet.width }.min())
            let right = try #require(found.map { $0 % sheet.width }.max())
            let top = try #require(found.first) / sheet.width
            let bottom = try #require(found.last) / sheet.width
            #expect((right - left + 1, bottom - top + 1) == (96, 64), "position \(position)")
            #expect(found.count == 96 * 64)
            corners.append([left, top])
        }
        let first = try #require(corners.first)
        let steps = (right: 96 + metrics.gap, down: 64 + metrics.gap)
        #expect(corners == (0..<6).map { [first[0] + $0 % 3 * steps.right, first[1] + $0 / 3 * steps.down] })
    }

    @Test("every prompt has a sheet of its own, also one that the sweep names twice")
    func repeatedPrompt() async throws {
        let grid = HandmadeGrid(prompts: ["one", "two", "two"])
        let fixture = try await GridFixture(grid) { row in .done(try .plain(Self.color(row.position))) }
        let paths = try ContactSheet.write(fixture.reader, fixture.directory, to: fixture.path("sheet.PNG"))
        #expect(paths == (1...3).map { fixture.path("sheet-\($0).PNG") })
        for (index, path) in paths.enumerated() {
            let colors = try fixture.picture(path).colors
            let shown = (0..<18).filter { colors.contains(Self.color($0)) }
            #expect(shown == Array(index * 6..<index * 6 + 6))
        }
    }

    @Test("each combination of the other axes has a sheet, and axes that vary are known as such")
    func otherAxes() async throws {
        var grid = HandmadeGrid(prompts: ["one", "two"])
        grid.seeds = [7, 8]
        let fixture = try await GridFixture(grid) { _ in .leased }
        var collector = SheetCollector()
        try fixture.reader.forEachRow { collector.add($0) }
        let settings = collector.sheets.map(\.setting)
        #expect(settings.map { $0.values[.prompt] } == ["one", "two", "one", "two"])
        #expect(settings.map { $0.values[.seed] } == ["7", "7", "8", "8"])
        #expect(SheetContent.Setting.varying(in: settings) == [.prompt, .seed])
        #expect(collector.sheets.allSatisfy { $0.rows == grid.styles && $0.columns == ["5", "5.5", "6"] })
        #expect(
            collector.sheets[0].tile(row: 1, column: 2)
                == SheetContent.Tile(state: "leased", sha256: nil, width: 48, height: 32))
    }

    @Test("an image that is gone, damaged or of another size leaves a hole that says so")
    func unreadableImages() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { row in
            .done(try row.position == 2 ? .plain(1, width: 8, height: 8) : .plain(1))
        }
        let rows = try fixture.reader.rows()
        let paths = try rows.map { fixture.path(try #require($0.image)) }
        try FileManager.default.removeItem(atPath: paths[0])
        try Data([0x89, 0x50]).write(to: URL(filePath: paths[1]))
        let reader = ImageReader(fixture.directory)
        let words = rows.map { row in
            switch reader.read(SheetContent.Tile(row)) {
            case .success: "image"
            case .failure(let absence): absence.word
            }
        }
        #expect(words == ["missing", "damaged", "damaged", "image", "image", "image"])
        let outside = SheetContent.Tile(state: "done", sha256: "../../secret", width: 48, height: 32)
        #expect(throws: ImageAbsence(word: "missing", isFault: true)) { try reader.read(outside).get() }
    }

    @Test("any two axes can be spread out, and a sheet that spreads the prompts has no prompt of its own")
    func chosenAxes() async throws {
        var grid = HandmadeGrid(prompts: ["one", "two"])
        grid.seeds = [7, 8]
        let fixture = try await GridFixture(grid) { _ in .leased }
        var collector = SheetCollector(down: .prompt, across: .seed)
        try fixture.reader.forEachRow { collector.add($0) }
        #expect(collector.sheets.count == grid.styles.count * grid.guidance.count)
        #expect(collector.sheets.allSatisfy { $0.rows == ["one", "two"] && $0.columns == ["7", "8"] })
        #expect(collector.sheets[0].setting.values[.prompt] == nil)
        #expect(collector.sheets[0].setting.values[.style] == "none")
    }

    @Test("a PDF holds a page for each sheet")
    func pdf() async throws {
        let fixture = try await GridFixture(HandmadeGrid(prompts: ["one", "two"])) { _ in .done(try .plain(0x336699)) }
        let path = fixture.path("sheets.pdf")
        #expect(try ContactSheet.write(fixture.reader, fixture.directory, to: path) == [path])
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: Unicode.ASCII.self)
        #expect(text.hasPrefix("%PDF-") && text.contains("/Count 2"))
        #expect(!FileManager.default.fileExists(atPath: path + ".new"))
    }

    @Test("any text can be a prompt, a style or a name")
    func hostileTexts() async throws {
        let texts = [
            "<b>bold</b> & <span foreground='red'>", "two\nlines\r\nand\ttabs", "nul \u{0} byte",
            "数学者 · математик · رياضيات",
            String(repeating: "long ", count: 3000), "👩🏽‍🏫", "",
        ]
        let grid = HandmadeGrid(name: texts[0], prompts: texts, styles: Array(texts.prefix(6)), guidance: [7])
        let fixture = try await GridFixture(grid) { _ in .leased }
        let paths = try ContactSheet.write(
            fixture.reader, fixture.directory, to: fixture.path("s.png"), options: ContactSheet.Options(tile: 16))
        #expect(paths.count == texts.count)
        for path in paths { #expect(try fixture.picture(path).height < 2000) }
    }

    @Test(
        "options out of bounds and names of other kinds are refused in a sentence",
        arguments: [
            (ContactSheet.Options(tile: 0), "s.png", "--tile can't be “0”; choose 16 to 2048 pixels."),
            (ContactSheet.Options(tile: 5000), "s.png", "--tile can't be “5000”; choose 16 to 2048 pixels."),
            (ContactSheet.Options(columns: 0), "s.png", "--columns can't be “0”; choose 1 to 1000."),
            (ContactSheet.Options(), "s.jpg", "-o can't be “s.jpg”; choose a file name that ends in .png or .pdf."),
        ])
    func badOptions(options: ContactSheet.Options, path: String, sentence: String) async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .leased }
        let error = #expect(throws: CoordinatorError.self) {
            try ContactSheet.write(fixture.reader, fixture.directory, to: path, options: options)
        }
        #expect(error?.description == sentence)
    }

    @Test("a folder that is not there is an error that names the file")
    func missingFolder() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .leased }
        let error = #expect(throws: CoordinatorError.self) {
            try ContactSheet.write(fixture.reader, fixture.directory, to: fixture.path("no/s.png"))
        }
        #expect(error?.description.contains("no/s.png") == true)
    }
}
