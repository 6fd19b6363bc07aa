import NIOCore

/// A small picture of what an image that is being rendered will show.
///
/// No JSON: the cell's key in 32 bytes, width and height in a byte each, then the pixels. There is nothing in it to be
/// decompressed or parsed.
package struct Preview: Equatable, Sendable {
    package var cell: CellKey
    /// In pixels, 1 to ``WireLimits/previewSide``.
    package var width: Int
    /// Likewise.
    package var height: Int
    /// 8-bit RGB, `[height, width, 3]`.
    package var pixels: [UInt8]

    package init(cell: CellKey, width: Int, height: Int, pixels: [UInt8]) {
        self.cell = cell
        self.width = width
        self.height = height
        self.pixels = pixels
    }
}

extension Preview {
    private static let keyBytes = CellKey.digits / 2
    private static let headBytes = keyBytes + 2
    /// Longest payload.
    static let longestPayload = headBytes + 3 * WireLimits.previewSide * WireLimits.previewSide

    static func read(_ payload: ByteBuffer) throws(WireError) -> Preview {
        var payload = payload
        guard let bytes = payload.readBytes(length: keyBytes), let cell = CellKey(hex: Hexadecimal.encode(bytes)),
            let width = payload.readInteger(as: UInt8.self), let height = payload.readInteger(as: UInt8.self)
        else { throw .malformed(frame: "preview", problem: "it is shorter than \(headBytes) bytes") }
        let preview = Preview(
            cell: cell, width: Int(width), height: Int(height), pixels: Array(payload.readableBytesView))
        try preview.validate()
        return preview
    }

    func write(into buffer: inout ByteBuffer) throws(WireError) {
        try validate()
        buffer.writeBytes(cell.bytes)
        buffer.writeInteger(UInt8(clamping: width))
        buffer.writeInteger(UInt8(clamping: height))
        buffer.writeBytes(pixels)
    }

    private func validate() throws(WireError) {
        let sides = 1...WireLimits.previewSide
        for (side, field) in [(width, "width"), (height, "height")] where !sides.contains(side) {
            throw .outOfBounds(frame: "preview", field: field, bounds: "1 to \(WireLimits.previewSide)")
        }
        guard pixels.count == 3 * width * height else {
            throw .outOfBounds(
                frame: "preview", field: "number of colours", bounds: "\(3 * width * height), not \(pixels.count)")
        }
    }
}
