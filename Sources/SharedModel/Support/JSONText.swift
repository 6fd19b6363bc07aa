extension [UInt8] {
    /// Appends `text` as a JSON string with the fewest escapes that JSON allows.
    mutating func appendJSONString(_ text: String) {
        append(0x22)
        for byte in text.utf8 {
            switch byte {
            case 0x22: append(contentsOf: [0x5C, 0x22])
            case 0x5C: append(contentsOf: [0x5C, 0x5C])
            case 0x08: append(contentsOf: [0x5C, 0x62])
            case 0x09: append(contentsOf: [0x5C, 0x74])
            case 0x0A: append(contentsOf: [0x5C, 0x6E])
            case 0x0C: append(contentsOf: [0x5C, 0x66])
            case 0x0D: append(contentsOf: [0x5C, 0x72])
            case ..<0x20:
                append(contentsOf: #"\u00"#.utf8)
                append(byte < 0x10 ? 0x30 : 0x31)
                append(byte & 0xF < 10 ? 0x30 + (byte & 0xF) : 0x57 + (byte & 0xF))
            default: append(byte)
            }
        }
        append(0x22)
    }
}
