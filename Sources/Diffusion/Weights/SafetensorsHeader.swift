/// The table of contents of a safetensors file, checked as a whole: whoever holds one may trust every range in it.
///
/// The format: <https://github.com/huggingface/safetensors#format>.
struct SafetensorsHeader: Sendable {
    typealias Failure = HeaderScanner.Failure

    /// One tensor of the file.
    struct Entry: Sendable {
        let type: TensorType
        let shape: [Int]
        /// Where the numbers lie, from the start of the data area.
        let range: Range<Int>
    }

    let entries: [String: Entry]
    /// Free text of whoever wrote the file.
    let metadata: [String: String]

    /// Reads the header's JSON.
    ///
    /// - Parameters:
    ///   - json: the bytes between the length and the data area.
    ///   - dataCount: size of the data area in bytes, which the tensors must cover exactly.
    /// - Throws: why the file is not sound, as the middle of a sentence.
    init(json: [UInt8], dataCount: Int) throws(Failure) {
        var entries: [String: Entry] = [:]
        var metadata: [String: String] = [:]
        var scanner = HeaderScanner(json)
        try scanner.object { (scanner, name) throws(Failure) in
            guard name != "__metadata__" else {
                try scanner.object { (scanner, key) throws(Failure) in metadata[key] = try scanner.string() }
                return
            }
            let entry = try Self.entry(name, in: &scanner, dataCount: dataCount)
            guard entries.updateValue(entry, forKey: name) == nil else {
                throw Failure("it holds the tensor \"\(name)\" twice")
            }
        }
        try scanner.end()
        try Self.checkCoverage(entries, dataCount: dataCount)
        self.entries = entries
        self.metadata = metadata
    }

    /// Reads `{"dtype": …, "shape": […], "data_offsets": [begin, end]}`.
    private static func entry(
        _ name: String, in scanner: inout HeaderScanner, dataCount: Int
    ) throws(Failure) -> Entry {
        var typeName: String?
        var shape: [Int]?
        var offsets: [Int]?
        try scanner.object { (scanner, key) throws(Failure) in
            switch key {
            case "dtype" where typeName == nil: typeName = try scanner.string()
            case "shape" where shape == nil: shape = try scanner.numbers()
            case "data_offsets" where offsets == nil: offsets = try scanner.numbers()
            default: throw Failure("the entry of the tensor \"\(name)\" has an unknown or repeated key \"\(key)\"")
            }
        }
        guard let typeName, let shape, let offsets, offsets.count == 2 else {
            throw Failure("the entry of the tensor \"\(name)\" lacks its dtype, its shape or its two data_offsets")
        }
        guard let type = TensorType(rawValue: typeName) else {
            throw Failure("the tensor \"\(name)\" has the unknown dtype \"\(typeName)\"")
        }
        guard offsets[0] <= offsets[1], offsets[1] <= dataCount else {
            throw Failure(
                "the tensor \"\(name)\" claims the bytes \(offsets[0]) to \(offsets[1]) of \(dataCount) bytes of data")
        }
        var count = type.width
        for dimension in shape {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard !overflow else { throw Failure("the tensor \"\(name)\" has the impossible shape \(shape)") }
            count = product
        }
        guard count == offsets[1] - offsets[0] else {
            throw Failure(
                "the tensor \"\(name)\" of shape \(shape) and dtype \(typeName) needs \(count) bytes, "
                    + "but has \(offsets[1] - offsets[0])")
        }
        return Entry(type: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// The format leaves no byte of the data area unused or used twice, so that nothing can hide in a file.
    private static func checkCoverage(_ entries: [String: Entry], dataCount: Int) throws(Failure) {
        let ordered = entries.sorted { one, other in
            (one.value.range.lowerBound, one.value.range.upperBound)
                < (other.value.range.lowerBound, other.value.range.upperBound)
        }
        var end = 0
        for (name, entry) in ordered {
            guard entry.range.lowerBound >= end else {
                throw Failure("the tensor \"\(name)\" overlaps another one at byte \(entry.range.lowerBound)")
            }
            guard entry.range.lowerBound == end else {
                throw Failure("\(entry.range.lowerBound - end) bytes of data before \"\(name)\" belong to no tensor")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw Failure("the last \(dataCount - end) bytes of data belong to no tensor")
        }
    }
}
