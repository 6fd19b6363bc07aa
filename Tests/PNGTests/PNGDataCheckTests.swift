import PNG
import Testing

@Suite("Image data that is checked as it comes")
struct PNGDataCheckTests {
    /// Compressed image data of our own encoder: all IDAT chunks of a file, joined.
    private static func data(width: Int, height: Int) throws -> [UInt8] {
        let pixels = (0..<3 * width * height).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        let file = try PNGImage(width: width, height: height, pixels: pixels).encode()
        var data: [UInt8] = []
        var rest = file[8...]
        while rest.count >= 12 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            if rest.dropFirst(4).prefix(4).elementsEqual("IDAT".utf8) { data += rest.dropFirst(8).prefix(length) }
            rest = rest.dropFirst(12 + length)
        }
        return data
    }

    private static func problem(_ data: [UInt8], width: Int, height: Int, piece: Int = 4096) -> String? {
        do {
            let check = try PNGDataCheck(width: width, height: height)
            for start in stride(from: 0, to: data.count, by: piece) {
                try check.add(data[start..<min(start + piece, data.count)])
            }
            try check.finish()
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test("whole data passes, in pieces of any length", arguments: [1, 3, 1000, 1_000_000])
    func whole(piece: Int) throws {
        let data = try Self.data(width: 120, height: 90)
        #expect(Self.problem(data, width: 120, height: 90, piece: piece) == nil)
    }

    @Test("data of another size is refused, more of it at the first byte too much")
    func otherSize() throws {
        let data = try Self.data(width: 120, height: 90)
        #expect(try #require(Self.problem(data, width: 120, height: 89)).contains("more than its pixels"))
        #expect(try #require(Self.problem(data, width: 120, height: 91)).contains("ends too early"))
        #expect(Self.problem(data, width: 121, height: 90) != nil)
    }

    @Test("shortened data, data with a tail and nonsense are refused")
    func broken() throws {
        let data = try Self.data(width: 16, height: 16)
        for count in 0..<data.count {
            #expect(Self.problem(Array(data.prefix(count)), width: 16, height: 16) != nil)
        }
        #expect(try #require(Self.problem(data + [0], width: 16, height: 16)).contains("bytes follow"))
        #expect(Self.problem([1, 2, 3], width: 16, height: 16) != nil)
        #expect(Self.problem([], width: 16, height: 16) != nil)
    }

    @Test("a filter that does not exist is refused")
    func filter() {
        // A zlib stream with one stored block (RFC 1950, RFC 1951): one row of one pixel.
        func stream(filter: UInt8) -> [UInt8] {
            let a = 1 + UInt32(filter)
            let sum = (4 * a) << 16 | a
            return [0x78, 0x01, 1, 4, 0, 0xFB, 0xFF, filter, 0, 0, 0]
                + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: sum >> $0) }
        }
        #expect(Self.problem(stream(filter: 4), width: 1, height: 1) == nil)
        #expect(Self.problem(stream(filter: 5), width: 1, height: 1) != nil)
    }

    @Test("sizes that no image has are refused", arguments: [(0, 1), (1, 0), (-1, 5), (Int.max, 5)])
    func impossible(width: Int, height: Int) {
        #expect(throws: PNGError.self) { try PNGDataCheck(width: width, height: height) }
    }
}
