/// The check that cell keys, lease ids, identities and hashes share.
package enum Hexadecimal {
    /// Whether `text` is exactly `digits` lower-case hexadecimal digits.
    package static func isLowercase(_ text: String, digits: Int) -> Bool {
        let bytes = text.utf8
        return bytes.count == digits && bytes.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Two lower-case digits for each byte.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            if byte < 16 { text += "0" }
            text += String(byte, radix: 16)
        }
        return text
    }

    /// The digits of so many random bytes.
    package static func random(bytes: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return encode((0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }
}
