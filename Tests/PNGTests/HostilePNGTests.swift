import PNG
import Testing

@Suite("PNG files from anybody")
struct HostilePNGTests {
    private static let limit = 1 << 16

    private static func sound() throws -> [UInt8] {
        try PNGRoundTripTests.picture(width: 9, height: 5).encode(texts: [
            PNGText(keyword: "parameters", text: "Steps: 20"), PNGText(keyword: "tmdne", text: "数学"),
        ])
    }

    @Test("a file cut off at any byte is refused")
    func truncated() throws {
        let file = try Self.sound()
        for length in file.indices {
            #expect(throws: PNGError.self, "cut at \(length)") {
                try PNGImage.decode(Array(file.prefix(length)), maximumPixels: Self.limit)
            }
        }
    }

    @Test("a file with any byte changed is refused")
    func flipped() throws {
        let file = try Self.sound()
        for index in file.indices {
            var damaged = file
            damaged[index] ^= 0xFF
            #expect(throws: PNGError.self, "byte \(index)") {
                try PNGImage.decode(damaged, maximumPixels: Self.limit)
            }
        }
    }

    @Test("a byte after the end is refused")
    func trailing() throws {
        #expect(throws: PNGError.unreadable(reason: "bytes follow its end")) {
            try PNGImage.decode(try Self.sound() + [0], maximumPixels: Self.limit)
        }
    }

    @Test("a handmade file is read, so that the refusals below mean something")
    func handmade() throws {
        let file =
            HandmadePNG.signature + HandmadePNG.header(width: 2, height: 1)
            + HandmadePNG.data([0, 1, 2, 3, 4, 5, 6]) + HandmadePNG.end
        #expect(try PNGImage.decode(file, maximumPixels: 2).image.pixels == [1, 2, 3, 4, 5, 6])
    }

    @Test("16-bit grey with alpha becomes 8-bit RGB")
    func otherKinds() throws {
        let file =
            HandmadePNG.signature + HandmadePNG.header(width: 1, height: 1, depth: 16, color: 4)
            + HandmadePNG.data([0, 0x80, 0x80, 0x12, 0x34]) + HandmadePNG.end
        #expect(try PNGImage.decode(file, maximumPixels: 1).image.pixels == [0x80, 0x80, 0x80])
    }

    @Test("a size beyond the limit is refused before any pixel is read")
    func bomb() throws {
        let file =
            HandmadePNG.signature + HandmadePNG.header(width: 60_000, height: 60_000)
            + HandmadePNG.data([0]) + HandmadePNG.end
        #expect(throws: PNGError.tooLarge(width: 60_000, height: 60_000, maximumPixels: Self.limit)) {
            try PNGImage.decode(file, maximumPixels: Self.limit)
        }
        let widest = HandmadePNG.signature + HandmadePNG.header(width: 0x7FFF_FFFF, height: 0x7FFF_FFFF)
        #expect(throws: PNGError.self) {
            try PNGImage.decode(widest + HandmadePNG.data([0]) + HandmadePNG.end, maximumPixels: Self.limit)
        }
    }

    @Test("chunks that are missing, disordered or wrong are refused", arguments: Malformed.all)
    private func malformed(_ file: Malformed) {
        #expect(throws: PNGError.self) { try PNGImage.decode(file.bytes, maximumPixels: Self.limit) }
    }

    @Test("a text that is not UTF-8 is left out, and the image is read")
    func wrongEncoding() throws {
        let file =
            HandmadePNG.signature + HandmadePNG.header(width: 1, height: 1)
            + HandmadePNG.chunk("iTXt", Array("tmdne".utf8) + [0, 0, 0, 0, 0, 0xFF])
            + HandmadePNG.data([0, 1, 2, 3]) + HandmadePNG.end
        let decoded = try PNGImage.decode(file, maximumPixels: 1)
        #expect(decoded.image.pixels == [1, 2, 3])
        #expect(decoded.texts == [])
    }

    @Test("a negative limit refuses everything")
    func negativeLimit() throws {
        #expect(throws: PNGError.self) { try PNGImage.decode(try Self.sound(), maximumPixels: -1) }
    }
}

/// A file that breaks one rule of the format.
private struct Malformed: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let bytes: [UInt8]

    private init(_ description: String, _ chunks: [UInt8]...) {
        testDescription = description
        bytes = HandmadePNG.signature + chunks.flatMap(\.self)
    }

    private static let header = HandmadePNG.header(width: 1, height: 1)
    private static let data = HandmadePNG.data([0, 1, 2, 3])
    private static let end = HandmadePNG.end

    static let all = [
        Malformed("nothing but the signature"),
        Malformed("no header", end),
        Malformed("no image data", header, end),
        Malformed("no end", header, data),
        Malformed("the image data before the header", data, header, end),
        Malformed("a second header", header, header, data, end),
        Malformed("no columns", HandmadePNG.header(width: 0, height: 1), data, end),
        Malformed("a depth of 3 bits", HandmadePNG.header(width: 1, height: 1, depth: 3), data, end),
        Malformed("an unknown color type", HandmadePNG.header(width: 1, height: 1, color: 5), data, end),
        Malformed("a palette image without a palette", HandmadePNG.header(width: 1, height: 1, color: 3), data, end),
        Malformed("half a row", header, HandmadePNG.data([0, 1]), end),
        Malformed("a row and a half", header, HandmadePNG.data([0, 1, 2, 3, 4, 5]), end),
        Malformed("an unknown filter", header, HandmadePNG.data([9, 1, 2, 3]), end),
        Malformed("image data that is not deflated", header, HandmadePNG.chunk("IDAT", [1, 2, 3]), end),
        Malformed("an unknown critical chunk", header, HandmadePNG.chunk("EVIL"), data, end),
    ]
}
