import Crypto
import Foundation
import PNG
import SharedModel

/// An image of a size that no compression makes smaller, different for each cell, at the cost of a hash.
struct LoadImage: Sendable {
    /// The signature and the IHDR chunk, after which other chunks may come.
    private static let headBytes = 33

    let width: Int
    let height: Int
    private let head: [UInt8]
    private let tail: [UInt8]

    /// - Throws: ``PNGError`` when memory runs out.
    init(width: Int, height: Int) throws {
        var state: UInt32 = 1
        let pixels = (0..<width * height * 3).map { _ in
            // Numerical Recipes' linear congruential generator; its high bits are noise enough.
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(truncatingIfNeeded: state >> 24)
        }
        let png = try PNGImage(width: width, height: height, pixels: pixels).encode()
        self.width = width
        self.height = height
        head = Array(png.prefix(Self.headBytes))
        tail = Array(png.dropFirst(Self.headBytes))
    }

    /// The image as a file of its own for a cell.
    func file(for cell: CellKey) -> [UInt8] {
        var body = Array("tEXtcell".utf8)
        body.append(0)
        body += cell.hex.utf8
        var file = head
        file.reserveCapacity(head.count + body.count + 8 + tail.count)
        file += Self.bigEndian(UInt32(body.count - 4))
        file += body
        file += Self.bigEndian(Self.crc(body))
        file += tail
        return file
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
    }

    /// The CRC of a PNG chunk (PNG specification, annex D), bit by bit: the chunk is short.
    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        var crc = UInt32.max
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
        return ~crc
    }
}
