/// One text chunk of a PNG file: a keyword such as `parameters`, and what it says.
package struct PNGText: Hashable, Sendable {
    /// 1 to 79 printable Latin-1 characters without leading, trailing or double spaces, as the PNG specification
    /// (11.3.3.2) has it.
    package let keyword: String
    /// Any text without NUL.
    package let text: String

    /// - Throws: ``PNGError/invalidText(keyword:reason:)`` if a PNG file cannot hold the text as it is.
    package init(keyword: String, text: String) throws(PNGError) {
        guard let bytes = keyword.latin1, (1...79).contains(bytes.count) else {
            throw .invalidText(keyword: keyword, reason: "a keyword has 1 to 79 Latin-1 characters")
        }
        guard bytes.allSatisfy({ (0x20...0x7E).contains($0) || $0 > 0xA0 }), bytes.first != 0x20, bytes.last != 0x20,
            !zip(bytes, bytes.dropFirst()).contains(where: { $0 == (0x20, 0x20) })
        else {
            throw .invalidText(
                keyword: keyword, reason: "a keyword is printable and has no leading, trailing or double spaces")
        }
        guard !text.utf8.contains(0) else {
            throw .invalidText(keyword: keyword, reason: "a text cannot hold a NUL character")
        }
        self.keyword = keyword
        self.text = text
    }
}

extension String {
    /// The Latin-1 form, `nil` if a character has none.
    var latin1: [UInt8]? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        for scalar in unicodeScalars {
            guard let byte = UInt8(exactly: scalar.value) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    init(latin1 bytes: some Sequence<UInt8>) {
        self.init(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
    }
}
