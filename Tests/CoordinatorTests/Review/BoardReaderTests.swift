import Foundation
import PNG
import Testing

@testable import Coordinator

@Suite("Reading what is written on images", .timeLimit(.minutes(2)))
struct BoardReaderTests {
    private let temporary = TemporaryDirectory()

    /// A program that stands for tesseract: it is given the image, a name to write to, and options.
    private func reader(_ script: String) throws -> BoardReader {
        try FileManager.default.createDirectory(at: temporary.directory.url, withIntermediateDirectories: true)
        let program = temporary.directory.url.appending(path: "tesseract")
        try Data("#!/bin/sh\n\(script)\n".utf8).write(to: program)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program.path)
        return try BoardReader(tesseract: InstalledProgram(url: program))
    }

    private static func word(_ line: Int, _ confidence: String, _ text: String) -> String {
        "5\t1\t1\t1\t\(line)\t1\t0\t0\t9\t9\t\(confidence)\t\(text)"
    }

    @Test("words that were read with confidence count, line by line; noise and what is no word does not")
    func words() {
        let tsv = [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
            "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t", Self.word(1, "96.5", "E=mc2"), Self.word(1, "60", "für"),
            Self.word(1, "59.9", "hair"), Self.word(2, "91", "12"), Self.word(2, "99", "x"), Self.word(2, "99", "—|"),
            "5\t1\tbroken",
        ].joined(separator: "\n")
        #expect(BoardReading(tsv: tsv) == BoardReading(letters: 9, text: "E=mc2 für\n12"))
        #expect(BoardReading(tsv: "") == BoardReading(letters: 0, text: ""))
    }

    @Test("an image is handed over large enough, and the words that come back are taken")
    func handing() async throws {
        let reader = try reader(
            """
            test "$3 $4 $5" = "--psm 11 tsv" || exit 3
            cp "$1" "$(dirname "$0")/seen.png"
            printf 'head\\n5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t9\\t9\\t90\\tpi\\n' > "$2.tsv"
            """)
        let image = try PNGImage(width: 48, height: 32, pixels: Array(repeating: 90, count: 48 * 32 * 3))
        #expect(try await reader.read(image) == BoardReading(letters: 2, text: "pi"))
        let seen = try Data(contentsOf: temporary.directory.url.appending(path: "seen.png"))
        let decoded = try PNGImage.decode(Array(seen), maximumPixels: 1 << 22).image
        #expect(decoded.width == 48 * 21 && decoded.height == 32 * 21)
        #expect(decoded.pixels.allSatisfy { $0 == 90 })
    }

    @Test("a program that fails or that is not installed is named")
    func failures() async throws {
        let image = try PNGImage(width: 8, height: 8, pixels: Array(repeating: 0, count: 192))
        await #expect(throws: CoordinatorError.program(name: "tesseract", problem: "failed with exit code 3")) {
            _ = try await reader("exit 3").read(image)
        }
        let missing = "tmdne-has-no-such-program"
        #expect(
            throws: CoordinatorError.program(name: missing, problem: "is not installed; install the package nothing")
        ) { _ = try InstalledProgram(missing, package: "nothing") }
    }

    @Test("an enlarged image blends its pixels and keeps its corners")
    func enlarging() throws {
        let image = try PNGImage(width: 2, height: 1, pixels: [0, 0, 0, 200, 100, 40])
        let large = try image.enlarged(by: 2)
        #expect(large.width == 4 && large.height == 2)
        // Centres of the new pixels lie a quarter of an old one from the old centres.
        #expect(Array(large.pixels[0..<12]) == [0, 0, 0, 50, 25, 10, 150, 75, 30, 200, 100, 40])
        #expect(large.pixels[0..<12] == large.pixels[12..<24])
        #expect(try image.enlarged(by: 1) == image)
    }

    @Test(
        "tesseract reads what is written on a board",
        .enabled("install the package tesseract-ocr") {
            (try? InstalledProgram("tesseract", package: "tesseract-ocr")) != nil
        })
    func reading() async throws {
        let canvas = try Canvas(width: 384, height: 256, background: Color(0x1A4033))
        canvas.draw("algebra 2741", TextStyle(size: 40, color: Color(0xF2F2E6)), x: 40, y: 90, width: 330)
        let image = try PNGImage.decode(canvas.png(), maximumPixels: 1 << 20).image
        let reading = try await BoardReader().read(image)
        #expect(reading.text.contains("algebra") && reading.text.contains("2741"))
        #expect(reading.letters == 11)
        let empty = try PNGImage(width: 64, height: 64, pixels: Array(repeating: 128, count: 64 * 64 * 3))
        #expect(try await BoardReader().read(empty).letters == 0)
    }
}
