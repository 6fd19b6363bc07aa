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
        let body = Array("tEXtcell".utf8) + [0] + Array(cell.hex.utf8)
        return head + Self.bigEndian(UInt32(body.count - 4)) + body + Self.bigEndian(Self.crc(body)) + tail
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
    }

    /// The CRC of a PNG chunk (PNG specification, annex D), bit by bit: the chunk is short.
    private static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { crc, _ in crc & 1 == 0 ? crc >> 1 : crc >> 1 ^ 0xEDB8_8320 }
        }
    }
}
