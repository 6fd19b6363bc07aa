import CPNGShim

/// Decompresses the image data of an 8-bit RGB file as it streams in, to know that there is a picture in it.
///
/// What comes out is counted and thrown away: the check holds 64 KiB, zlib's window included, whatever the data claims to
/// be, and it ends at the first byte that is more than the pixels of the size.
package final class PNGDataCheck {
    private let data: OpaquePointer

    /// - Throws: ``PNGError`` for a size that no image has, or when memory runs out.
    package init(width: Int, height: Int) throws(PNGError) {
        let sides = 1...Int(Int32.max)
        guard sides.contains(width), sides.contains(height) else {
            throw .invalidSize(width: width, height: height, bytes: 0)
        }
        guard let data = cpng_data_open(UInt32(width), UInt32(height)) else {
            throw .unreadable(reason: "out of memory")
        }
        self.data = data
    }

    deinit {
        cpng_data_close(data)
    }

    /// Takes the next bytes of the IDAT chunks, without their lengths, names and checksums.
    ///
    /// - Throws: ``PNGError/unreadable(reason:)``; nothing may be added after that.
    package func add(_ bytes: ArraySlice<UInt8>) throws(PNGError) {
        let problem = bytes.withUnsafeBufferPointer { cpng_data_add(data, $0.baseAddress, $0.count) }
        if let problem { throw .unreadable(reason: String(cString: problem)) }
    }

    /// - Throws: ``PNGError/unreadable(reason:)`` unless every row has come.
    package func finish() throws(PNGError) {
        guard cpng_data_is_whole(data) else { throw .unreadable(reason: "its image data ends too early") }
    }
}
