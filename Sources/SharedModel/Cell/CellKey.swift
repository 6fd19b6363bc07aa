import Crypto

/// The SHA-256 of a cell's canonical JSON: its identity in the database, on the wire and in the images' metadata.
///
/// Kept as four words, not as text: a plan may hold millions of keys.
package struct CellKey: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64, UInt64)

    /// - Returns: `nil` unless `hex` is exactly 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count == 64, let first = Self.word(digits[..<16]), let second = Self.word(digits[16..<32]),
            let third = Self.word(digits[32..<48]), let fourth = Self.word(digits[48...])
        else { return nil }
        words = (first, second, third, fourth)
    }

    init(_ digest: SHA256Digest) {
        words = digest.withUnsafeBytes { bytes in
            func word(_ index: Int) -> UInt64 {
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
            }
            return (word(0), word(1), word(2), word(3))
        }
    }

    /// The first 16 digits: nearly always enough to tell keys apart, and to order them.
    package var prefix: UInt64 { words.0 }

    /// Length of ``hex``.
    package static let digits = 64
    /// The shortest beginning of ``hex`` by which people may name a cell.
    package static let fewestDigits = 8

    /// 64 lower-case hexadecimal digits.
    package var hex: String {
        String(unsafeUninitializedCapacity: Self.digits) { buffer in
            fill(buffer)
            return Self.digits
        }
    }

    /// Appends ``hex`` in ASCII, without the text in between: for who writes down millions of keys.
    package func appendHex(to bytes: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.digits) { buffer in
            fill(buffer)
            bytes.append(contentsOf: buffer)
        }
    }

    /// The 32 bytes of the hash.
    var bytes: [UInt8] {
        [words.0, words.1, words.2, words.3].flatMap { word in withUnsafeBytes(of: word.bigEndian, Array.init) }
    }

    private func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>) {
        fill(buffer, from: 0, with: words.0)
        fill(buffer, from: 16, with: words.1)
        fill(buffer, from: 32, with: words.2)
        fill(buffer, from: 48, with: words.3)
    }

    private func fill(_ buffer: UnsafeMutableBufferPointer<UInt8>, from start: Int, with word: UInt64) {
        for digit in 0..<16 {
            let nibble = UInt8(truncatingIfNeeded: word >> UInt64(60 - 4 * digit)) & 0xF
            buffer.initializeElement(at: start + digit, to: nibble < 10 ? 0x30 + nibble : 0x57 + nibble)
        }
    }

    private static func word(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var word: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: word = word << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: word = word << 4 | UInt64(digit - 0x57)
            default: return nil
            }
        }
        return word
    }

    package static func == (first: CellKey, second: CellKey) -> Bool {
        first.words == second.words
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

extension CellKey: Comparable {
    /// The order of the hexadecimal forms.
    package static func < (first: CellKey, second: CellKey) -> Bool {
        first.words < second.words
    }
}

extension CellKey: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let key = CellKey(hex: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a cell key has 64 lower-case hexadecimal digits")
        }
        self = key
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}

extension CellKey: CustomStringConvertible {
    package var description: String { hex }
}
