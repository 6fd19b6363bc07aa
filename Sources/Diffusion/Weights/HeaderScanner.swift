/// Reads the part of JSON that a safetensors header may use: objects, arrays of whole numbers, strings.
///
/// A general decoder would merge duplicate keys silently and follow any nesting; this one accepts nothing that the format
/// does not allow, reads no byte twice, and needs no recursion.
struct HeaderScanner {
    /// Why the text is not a header, as the middle of a sentence.
    struct Failure: Error {
        let problem: String

        init(_ problem: String) {
            self.problem = problem
        }
    }

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads `{"key": value, …}`, calling `value` with the scanner behind each colon.
    mutating func object(
        _ value: (inout HeaderScanner, _ key: String) throws(Failure) -> Void
    ) throws(Failure) {
        try expect(UInt8(ascii: "{"))
        guard !take(UInt8(ascii: "}")) else { return }
        repeat {
            let key = try string()
            try expect(UInt8(ascii: ":"))
            try value(&self, key)
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// Reads `[0, 1, …]`.
    mutating func numbers() throws(Failure) -> [Int] {
        try expect(UInt8(ascii: "["))
        guard !take(UInt8(ascii: "]")) else { return [] }
        var numbers: [Int] = []
        repeat {
            try numbers.append(number())
        } while take(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return numbers
    }

    /// Reads a string with its escapes.
    mutating func string() throws(Failure) -> String {
        try expect(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while let byte = next() {
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw Failure("its header has a name that is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                try text.append(contentsOf: String(escape()).utf8)
            case 0..<0x20:
                throw Failure("its header has a control character in a name")
            default:
                text.append(byte)
            }
        }
        throw Failure("its header ends in the middle of a string")
    }

    /// Makes sure that only padding follows.
    mutating func end() throws(Failure) {
        skipSpace()
        guard position == bytes.count else { throw Failure("its header goes on after its end") }
    }

    /// Reads a whole number that is not negative.
    private mutating func number() throws(Failure) -> Int {
        skipSpace()
        let start = position
        var number = 0
        while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit < 10 {
            let (tens, overflow) = number.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit))
            guard !overflow, !carry else { throw Failure("its header has a number beyond 64 bits") }
            number = sum
            position += 1
        }
        guard position > start else {
            throw Failure("its header has something at byte \(position) where a whole number of at least 0 must stand")
        }
        return number
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        switch next() {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw Failure("its header has an unknown escape before byte \(position)")
        }
        var code = try hexadecimal()
        // A character beyond the first plane is written as two surrogates.
        if 0xD800..<0xDC00 ~= code, next() == UInt8(ascii: "\\"), next() == UInt8(ascii: "u") {
            let low = try hexadecimal()
            guard 0xDC00..<0xE000 ~= low else { throw Failure("its header has half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw Failure("its header has half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw Failure("its header has an unknown escape before byte \(position)")
            }
            code = code << 4 | UInt32(digit)
        }
        return code
    }

    private mutating func expect(_ byte: UInt8) throws(Failure) {
        guard take(byte) else {
            throw Failure(
                "its header lacks the \"\(Character(Unicode.Scalar(byte)))\" that must stand at byte \(position)")
        }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func next() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[position]) {
            position += 1
        }
    }
}
