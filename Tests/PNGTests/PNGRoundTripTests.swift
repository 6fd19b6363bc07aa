import PNG
import Testing

@Suite("PNG files that we write")
struct PNGRoundTripTests {
    static func picture(width: Int = 37, height: Int = 21) throws -> PNGImage {
        let pixels = (0..<width * height * 3).map { UInt8(truncatingIfNeeded: $0 &* $0 / 7) }
        return try PNGImage(width: width, height: height, pixels: pixels)
    }

    @Test("an image and its texts come back as they were", arguments: [(1, 1), (37, 21), (256, 3)])
    func roundTrip(width: Int, height: Int) throws {
        let image = try Self.picture(width: width, height: height)
        let texts = [
            try PNGText(keyword: "parameters", text: "woman at a blackboard  \nSteps: 20, Sampler: DPM++ 2M, é"),
            try PNGText(keyword: "tmdne", text: #"{"prompt":"∑ 数学 — “quoted”"}"#),
            try PNGText(keyword: "empty", text: ""),
        ]
        let decoded = try PNGImage.decode(try image.encode(texts: texts), maximumPixels: width * height)
        #expect(decoded.image == image)
        #expect(decoded.texts == texts)
    }

    @Test("Latin-1 goes into tEXt as Latin-1, other text into uncompressed iTXt as UTF-8, both before the image data")
    func chunks() throws {
        let latin1 = try PNGText(keyword: "parameters", text: "é")
        let unicode = try PNGText(keyword: "tmdne", text: "数")
        let file = try Self.picture().encode(texts: [latin1, unicode])
        let text = HandmadePNG.chunk("tEXt", Array("parameters".utf8) + [0, 0xE9])
        let international = HandmadePNG.chunk("iTXt", Array("tmdne".utf8) + [0, 0, 0, 0, 0] + Array("数".utf8))
        let textStart = try #require(file.firstIndex(of: text))
        let internationalStart = try #require(file.firstIndex(of: international))
        let dataStart = try #require(file.firstIndex(of: Array("IDAT".utf8)))
        #expect(textStart < internationalStart)
        #expect(internationalStart < dataStart)
    }

    @Test("equal images and texts give equal bytes")
    func determinism() throws {
        let texts = [try PNGText(keyword: "parameters", text: "Steps: 20")]
        #expect(try Self.picture().encode(texts: texts) == Self.picture().encode(texts: texts))
    }

    @Test("pixels that do not fill the size are refused", arguments: [(0, 1), (1, -1), (2, 2), (Int.max, Int.max)])
    func wrongSize(width: Int, height: Int) {
        #expect(throws: PNGError.invalidSize(width: width, height: height, bytes: 3)) {
            try PNGImage(width: width, height: height, pixels: [1, 2, 3])
        }
    }

    @Test(
        "a keyword that PNG does not know how to hold is refused",
        arguments: ["", " a", "a ", "a  b", "a\nb", "数", String(repeating: "k", count: 80)])
    func wrongKeyword(keyword: String) {
        #expect(throws: PNGError.self) { try PNGText(keyword: keyword, text: "") }
    }

    @Test("a text with a NUL is refused, for it would be cut there")
    func nul() {
        #expect(throws: PNGError.self) { try PNGText(keyword: "parameters", text: "a\0b") }
    }
}

extension [UInt8] {
    /// The offset at which `part` begins.
    func firstIndex(of part: [UInt8]) -> Int? {
        guard count >= part.count else { return nil }
        return (0...count - part.count).first { Array(self[$0..<$0 + part.count]) == part }
    }
}
