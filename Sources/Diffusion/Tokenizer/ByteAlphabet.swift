/// The characters that byte-level tokenizers write bytes as, so that every byte sequence is a readable string.
///
/// Printable Latin-1 stands for itself and the other bytes, in order, for the characters from U+0100 on: `bytes_to_unicode`
/// of GPT-2, <https://github.com/openai/gpt-2/blob/master/src/encoder.py>.
enum ByteAlphabet {
    /// The character of each byte.
    static let characters: [Character] = {
        var replacements = (UInt32(0x100)...).lazy.compactMap(Unicode.Scalar.init).makeIterator()
        return (UInt8.min...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: Character(Unicode.Scalar(byte))
            default: Character(replacements.next() ?? "\u{FFFD}")
            }
        }
    }()

    /// The byte of each character.
    static let bytes = Dictionary(
        zip(characters, UInt8.min...UInt8.max), uniquingKeysWith: { first, _ in first })
}
