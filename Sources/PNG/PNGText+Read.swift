import CPNGShim
import Foundation

extension PNGText {
    /// The texts that stand before the image data, where tmdne writes them; the pixels are not looked at.
    ///
    /// - Parameter bytes: A PNG file, from anybody.
    /// - Returns: The texts in the file's order; those that are not valid UTF-8 are left out.
    /// - Throws: ``PNGError/unreadable(reason:)`` when the file does not begin as a PNG file does.
    package static func read(from bytes: [UInt8]) throws(PNGError) -> [PNGText] {
        let result = bytes.withUnsafeBufferPointer { file in
            Result { () throws(PNGError) in
                var reason = Reason()
                guard let reader = cpng_open(file.baseAddress, file.count, UInt32(Int32.max), &reason.bytes) else {
                    throw .unreadable(reason: reason.text)
                }
                defer { cpng_close(reader) }
                return (0..<cpng_text_count(reader)).compactMap { PNGText(cpng_text_at(reader, $0)) }
            }
        }
        return try result.get()
    }

    /// - Returns: `nil` for a chunk that breaks the rules for texts.
    init?(_ chunk: cpng_text) {
        guard let keyword = chunk.keyword, let content = chunk.text else { return nil }
        let name = UnsafeBufferPointer(start: keyword, count: strlen(keyword)).map(UInt8.init(bitPattern:))
        let bytes = UnsafeBufferPointer(start: content, count: chunk.length).map(UInt8.init(bitPattern:))
        let text = chunk.is_unicode ? String(validating: bytes, as: UTF8.self) : String(latin1: bytes)
        guard let text else { return nil }
        try? self.init(keyword: String(latin1: name), text: text)
    }
}
