import Testing

@testable import Coordinator

@Suite("The gate for PNG files")
struct PNGGateTests {
    @Test("an image of the right size passes, whole or byte by byte", arguments: [1, 7, 64, 100_000])
    func passes(piece: Int) throws {
        let image = TestPNG.image(width: 40, height: 24, text: "parameters")
        #expect(verdict(on: image, width: 40, height: 24, piece: piece) == nil)
    }

    @Test("the checksum is that of the PNG specification")
    func checksum() {
        var crc = CRC32()
        crc.add(Array("123456789".utf8)[...])
        #expect(crc.value == 0xCBF4_3926)
        var split = CRC32()
        split.add(Array("1234567".utf8)[...])
        split.add(Array("x89".utf8)[1...])
        #expect(split.value == 0xCBF4_3926)
    }

    @Test("a file that is not this cell's image is refused", arguments: BadImage.allCases)
    func refuses(bad: BadImage) {
        #expect(verdict(on: bad.bytes, width: 8, height: 8, piece: 1) != nil)
        #expect(verdict(on: bad.bytes, width: 8, height: 8, piece: 4096) != nil)
    }

    @Test("an image of another size is refused at byte 33, whatever follows")
    func bomb() {
        let header = TestPNG.signature + TestPNG.header(width: 16_384, height: 16_384)
        #expect(header.count == 33)
        var gate = PNGGate(width: 8, height: 8)
        #expect(throws: ImageRefusal.self) { try gate.check(header) }
    }

    @Test("a chunk that is too long is refused at its length, before any of it is waited for")
    func hugeChunk() {
        var gate = PNGGate(width: 8, height: 8)
        let beginning = TestPNG.signature + TestPNG.header(width: 8, height: 8)
        #expect(throws: Never.self) { try gate.check(beginning) }
        #expect(throws: ImageRefusal.self) { try gate.check([0x7F, 0xFF, 0xFF, 0xFF] + Array("tEXt".utf8)) }
    }

    @Test("every single flipped bit is noticed")
    func flippedBits() {
        let image = TestPNG.image()
        for index in image.indices {
            for bit in 0..<8 {
                var damaged = image
                damaged[index] ^= 1 << bit
                #expect(verdict(on: damaged, width: 8, height: 8, piece: 4096) != nil, "byte \(index), bit \(bit)")
            }
        }
    }

    @Test("every shortened file is noticed")
    func shortened() {
        let image = TestPNG.image()
        for count in image.indices {
            #expect(verdict(on: Array(image.prefix(count)), width: 8, height: 8, piece: 4096) != nil)
        }
    }

    private func verdict(on bytes: [UInt8], width: Int, height: Int, piece: Int) -> String? {
        var gate = PNGGate(width: width, height: height)
        do {
            for start in stride(from: 0, to: bytes.count, by: piece) {
                try gate.check(Array(bytes[start..<min(start + piece, bytes.count)]))
            }
            try gate.finish()
            return nil
        } catch {
            return error.reason
        }
    }

    enum BadImage: CaseIterable {
        case empty, text, jpeg, trailing, noHeader, lateHeader, noData, splitData, palette, grey, deep, interlaced
        case secondHeader, dataInEnd, hugeChunk, badName, twoEnds, noPixels, fewPixels, manyPixels, notCompressed
        // What no other rule than the one it breaks would find.
        case otherHeader, dividedData, badTextName

        var bytes: [UInt8] {
            let signature = TestPNG.signature
            let header = TestPNG.header(width: 8, height: 8)
            let row = [UInt8](repeating: 0, count: 1 + 3 * 8)
            let rows = Array(repeating: row, count: 8).flatMap(\.self)
            let data = TestPNG.chunk("IDAT", TestPNG.stored(rows))
            let end = TestPNG.chunk("IEND", [])
            switch self {
            case .empty: return []
            case .text: return Array("<html>not an image</html>".utf8)
            case .jpeg: return [0xFF, 0xD8, 0xFF, 0xE0] + Array(repeating: 0, count: 100)
            case .trailing: return TestPNG.image() + [0]
            case .noHeader: return signature + data + end
            case .lateHeader: return signature + TestPNG.chunk("tEXt", [65]) + header + data + end
            case .noData: return signature + header + end
            case .splitData: return signature + header + data + TestPNG.chunk("tEXt", [65]) + data + end
            case .palette: return signature + header + TestPNG.chunk("PLTE", [1, 2, 3]) + data + end
            case .grey: return signature + TestPNG.header(width: 8, height: 8, rest: [8, 0, 0, 0, 0]) + data + end
            case .deep: return signature + TestPNG.header(width: 8, height: 8, rest: [16, 2, 0, 0, 0]) + data + end
            case .interlaced:
                return signature + TestPNG.header(width: 8, height: 8, rest: [8, 2, 0, 0, 1]) + data + end
            case .secondHeader: return signature + header + header + data + end
            case .dataInEnd: return signature + header + data + TestPNG.chunk("IEND", [1])
            case .hugeChunk: return signature + header + [0xFF, 0xFF, 0xFF, 0xFF] + Array("IDAT".utf8)
            case .badName: return signature + header + TestPNG.chunk("ID\u{1}T", [1]) + data + end
            case .twoEnds: return signature + header + data + end + end
            case .noPixels: return signature + header + TestPNG.chunk("IDAT", []) + end
            case .fewPixels: return signature + header + TestPNG.chunk("IDAT", TestPNG.stored(rows.dropLast())) + end
            case .manyPixels: return signature + header + TestPNG.chunk("IDAT", TestPNG.stored(rows + row)) + end
            case .notCompressed: return signature + header + TestPNG.chunk("IDAT", rows) + end
            case .otherHeader: return signature + TestPNG.chunk("tEXt", Array(header[8..<21])) + data + end
            case .dividedData:
                let stream = TestPNG.stored(rows)
                return signature + header + TestPNG.chunk("IDAT", Array(stream.prefix(20)))
                    + TestPNG.chunk("tEXt", [65]) + TestPNG.chunk("IDAT", Array(stream.dropFirst(20))) + end
            case .badTextName: return signature + header + TestPNG.chunk("t\u{1}Xt", [1]) + data + end
            }
        }
    }
}
