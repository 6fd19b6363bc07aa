/// PNG files made with the plainest code there is, so that they can judge the code under test.
enum TestPNG {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// An 8-bit RGB image of one colour, its data stored without compression.
    static func image(width: Int = 8, height: Int = 8, colour: UInt8 = 100, text: String? = nil) -> [UInt8] {
        let row = [0] + [UInt8](repeating: colour, count: 3 * width)
        let raw = Array(repeating: row, count: height).flatMap(\.self)
        return signature + header(width: width, height: height)
            + (text.map { chunk("tEXt", Array("Comment".utf8) + [0] + Array($0.utf8)) } ?? [])
            + chunk("IDAT", stored(raw)) + chunk("IEND", [])
    }

    static func header(width: Int, height: Int, rest: [UInt8] = [8, 2, 0, 0, 0]) -> [UInt8] {
        chunk("IHDR", bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + rest)
    }

    static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return bigEndian(UInt32(data.count)) + body + bigEndian(crc(body))
    }

    /// A zlib stream of stored blocks (RFC 1950, RFC 1951 section 3.2.4).
    static func stored(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var rest = Array(bytes)[...]
        repeat {
            let block = rest.prefix(65_535)
            rest = rest.dropFirst(block.count)
            let length = UInt16(block.count)
            stream += [rest.isEmpty ? 1 : 0, UInt8(length & 0xFF), UInt8(length >> 8)]
            stream += [UInt8(~length & 0xFF), UInt8(~length >> 8)] + block
        } while !rest.isEmpty
        var (a, b) = (UInt32(1), UInt32(0))
        for byte in bytes {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return stream + bigEndian(b << 16 | a)
    }

    static func bigEndian(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
    }

    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return ~crc
    }
}
