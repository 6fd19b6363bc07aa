/// The SHA-256 of a cell's canonical JSON: its identity in the database, on the wire and in the images' metadata.
package struct CellKey: Hashable, Sendable {
    /// 64 lower-case hexadecimal digits.
    package let hex: String

    /// - Returns: `nil` unless `hex` is exactly 64 lower-case hexadecimal digits.
    package init?(hex: String) {
        guard Hexadecimal.isLowercase(hex, digits: 64) else { return nil }
        self.hex = hex
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
