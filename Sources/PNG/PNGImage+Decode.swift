import CPNGShim

extension PNGImage {
    /// Reads a PNG file, strictly: a wrong checksum, missing image data or bytes after the end are errors.
    ///
    /// Grey, palette and 16-bit images become 8-bit RGB; alpha is dropped. Nothing is allocated for pixels before the
    /// size in the header has been compared with `maximumPixels`.
    ///
    /// - Parameters:
    ///   - bytes: The whole file, from anybody.
    ///   - maximumPixels: The largest width times height to accept.
    /// - Returns: The image, and its texts in the file's order; texts that are not valid UTF-8 are left out.
    /// - Throws: ``PNGError/unreadable(reason:)`` or ``PNGError/tooLarge(width:height:maximumPixels:)``.
    package static func decode(
        _ bytes: [UInt8], maximumPixels: Int
    ) throws(PNGError) -> (image: PNGImage, texts: [PNGText]) {
        let result = bytes.withUnsafeBufferPointer { file in
            Result { () throws(PNGError) in try decode(file, maximumPixels: maximumPixels) }
        }
        return try result.get()
    }

    private static func decode(
        _ file: UnsafeBufferPointer<UInt8>, maximumPixels: Int
    ) throws(PNGError) -> (image: PNGImage, texts: [PNGText]) {
        var reason = Reason()
        let maximumSide = UInt32(clamping: min(maximumPixels, Int(Int32.max)))
        guard let reader = cpng_open(file.baseAddress, file.count, maximumSide, &reason.bytes) else {
            throw .unreadable(reason: reason.text)
        }
        defer { cpng_close(reader) }
        let width = Int(cpng_width(reader))
        let height = Int(cpng_height(reader))
        // Both sides are below 2^31, so that neither product overflows.
        guard width * height <= maximumPixels, maximumPixels <= Int.max / 3 else {
            throw .tooLarge(width: width, height: height, maximumPixels: maximumPixels)
        }
        var isRead = false
        let pixels = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, count in
            buffer.initialize(repeating: 0)
            count = buffer.count
            isRead = cpng_read(reader, buffer.baseAddress, buffer.count, &reason.bytes)
        }
        guard isRead else { throw .unreadable(reason: reason.text) }
        let image = try PNGImage(width: width, height: height, pixels: pixels)
        return (image, (0..<cpng_text_count(reader)).compactMap { PNGText(cpng_text_at(reader, $0)) })
    }
}
