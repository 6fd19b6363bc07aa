import Foundation

@testable import SharedModel

/// The texts by which a secret would be known in a log, whatever wrote it there and how.
struct SecretTraces {
    private let texts: [Data]

    init(of secret: JoinSecret) {
        let bytes = secret.bytes
        let hexadecimal = Hexadecimal.encode(bytes)
        var texts = [hexadecimal, hexadecimal.uppercased(), bytes.map { "\($0)" }.joined(separator: ", ")]
        // Within a token, as anywhere in base64, a secret begins at any of three places of a group, and its first and
        // last letter depend on what stands beside it.
        for shift in 0..<3 {
            let encoded = (Data(repeating: 0, count: shift) + bytes).base64EncodedString()
            let inner = String(encoded.prefix((shift + bytes.count) * 8 / 6).dropFirst(shift == 0 ? 0 : shift + 1))
            texts.append(inner)
            texts.append(inner.replacing("+", with: "-").replacing("/", with: "_"))
        }
        texts += [JoinToken.prefix, "PRIVATE KEY"]
        self.texts = texts.map { Data($0.utf8) }
    }

    /// Whether a text holds the secret, any join token, or the head of a private key.
    func show(_ text: String) -> Bool {
        let bytes = Data(text.utf8)
        return texts.contains { bytes.range(of: $0) != nil }
    }
}
