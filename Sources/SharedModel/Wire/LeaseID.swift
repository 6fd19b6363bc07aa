/// The random 128-bit id of an attempt: the fencing token that every result must carry.
package struct LeaseID: Hashable, Sendable {
    /// 32 lower-case hexadecimal digits.
    package let hex: String

    /// - Returns: `nil` unless `hex` is exactly 32 lower-case hexadecimal digits.
    package init?(hex: String) {
        guard Hexadecimal.isLowercase(hex, digits: 32) else { return nil }
        self.hex = hex
    }

    /// Makes a new id from `generator`.
    package init(using generator: inout some RandomNumberGenerator) {
        let words = [generator.next(), generator.next()] as [UInt64]
        hex = words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}

extension LeaseID: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let id = LeaseID(hex: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "a lease id has 32 lower-case hexadecimal digits")
        }
        self = id
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}

extension LeaseID: CustomStringConvertible {
    package var description: String { hex }
}
