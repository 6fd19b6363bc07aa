import CKernels

/// A safetensors file, mapped into memory and read tensor by tensor.
///
/// The header is checked completely when the file is opened; numbers are only touched when they are asked for.
package final class SafetensorsFile: Sendable {
    /// The header of a model of a hundred thousand tensors takes some ten MB; the reference implementation stops here, too.
    private static let longestHeader: UInt64 = 100_000_000
    /// The header's length, a 64-bit little-endian number, stands before it.
    private static let lengthSize = 8

    private let file: MappedFile
    private let header: SafetensorsHeader
    /// Where the data area begins in the file.
    private let dataStart: Int

    /// Opens the file at `path` and checks its header.
    ///
    /// - Throws: ``DiffusionError`` when the file is missing or unreadable, or breaks the format.
    package init(path: String) throws(DiffusionError) {
        file = try MappedFile(path: path)
        func invalid(_ problem: String) -> DiffusionError { .invalidWeights(path: path, problem: problem) }
        guard file.count >= Self.lengthSize else {
            throw invalid("it has only \(file.count) bytes")
        }
        let length = file.withBytes(in: 0..<Self.lengthSize) { bytes in
            UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        }
        // A length that cannot be one is how other formats begin.
        if length > UInt64(file.count - Self.lengthSize),
            let kind = file.withBytes(in: 0..<Self.lengthSize, Self.foreignFormat)
        {
            throw .unsuitableModel(path: path, problem: "is \(kind); convert it to safetensors, or download it as such")
        }
        guard length <= Self.longestHeader else {
            throw invalid("it claims a header of \(length) bytes")
        }
        guard length <= UInt64(file.count - Self.lengthSize) else {
            throw invalid("it claims a header of \(length) bytes, but has only \(file.count) bytes in all")
        }
        dataStart = Self.lengthSize + Int(length)
        do throws(SafetensorsHeader.Failure) {
            let json = file.withBytes(in: Self.lengthSize..<dataStart) { bytes in [UInt8](bytes) }
            header = try SafetensorsHeader(json: json, dataCount: file.count - dataStart)
        } catch {
            throw invalid(error.problem)
        }
    }

    /// What else holds weights and begins like `bytes`, which are eight.
    private static func foreignFormat(_ bytes: UnsafeRawBufferPointer) -> String? {
        let pickle = "a pickle (.ckpt, .pt, .bin), which can run code when it is opened"
        // A zip archive, as torch saves them now; the frame of a pickle, as it did; a GGUF file.
        if bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || (bytes[0] == 0x80 && 2...5 ~= bytes[1]) { return pickle }
        return bytes.starts(with: "GGUF".utf8) ? "a GGUF file, whose weights are not supported" : nil
    }

    /// Where the file is.
    package var path: String { file.path }

    /// The names of all tensors, sorted.
    package var names: [String] { header.entries.keys.sorted() }

    /// All tensors, by name.
    var views: [String: TensorView] {
        header.entries.keys.reduce(into: [:]) { $0[$1] = TensorView($1, in: self) }
    }

    /// Whether the file holds a tensor of that name.
    package func contains(_ name: String) -> Bool {
        header.entries[name] != nil
    }

    /// What the file says of itself beside its tensors.
    package var metadata: [String: String] { header.metadata }

    /// The extent of each dimension of a tensor, outermost first, or nil when there is no such tensor.
    package func shape(of name: String) -> [Int]? {
        header.entries[name]?.shape
    }

    /// The name that the format gives to a tensor's number type, such as `F16`, or nil when there is no such tensor.
    package func typeName(of name: String) -> String? {
        type(of: name)?.rawValue
    }

    /// A tensor's number type, or nil when there is no such tensor.
    func type(of name: String) -> TensorType? {
        header.entries[name]?.type
    }

    /// The numbers of an F32, F16 or BF16 tensor in row-major order; the narrow types are widened exactly.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or type.
    package func floats(_ name: String, shape: [Int]) throws(DiffusionError) -> [Float] {
        let entry = try entry(name, shape: shape)
        var values = [Float](repeating: 0, count: entry.range.count / entry.type.width)
        try values.withUnsafeMutableBufferPointer { target throws(DiffusionError) in
            try write(name, elements: 0..<target.count, to: target)
        }
        return values
    }

    /// Writes some neighbouring numbers of a tensor, which must have so many, to memory for so many; as
    /// ``floats(_:shape:)`` for the rest.
    func write(
        _ name: String, elements: Range<Int>, to target: UnsafeMutableBufferPointer<Float>
    ) throws(DiffusionError) {
        guard let entry = header.entries[name] else { throw .missingTensor(name: name, path: path) }
        precondition(elements.upperBound <= entry.range.count / entry.type.width, "numbers beyond the tensor")
        precondition(target.count == elements.count, "\(target.count) places for \(elements.count) numbers")
        try requireFloats(name)
        guard let numbers = target.baseAddress, !elements.isEmpty else { return }
        withBytes(of: entry, elements: elements) { bytes in
            guard let source = bytes.baseAddress else { return }
            switch entry.type {
            case .float16: tmdne_widen_halves(source, numbers, target.count)
            case .bfloat16: tmdne_widen_bfloats(source, numbers, target.count)
            default: UnsafeMutableRawBufferPointer(target).copyMemory(from: bytes)
            }
        }
    }

    /// Makes sure that a tensor can be read as floats, from the header alone.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing or has another type.
    func requireFloats(_ name: String) throws(DiffusionError) {
        guard let entry = header.entries[name] else { throw .missingTensor(name: name, path: path) }
        guard [.float32, .float16, .bfloat16].contains(entry.type) else {
            throw .wrongType(name: name, path: path, expected: "F32, F16 or BF16", found: entry.type.rawValue)
        }
    }

    /// The numbers of a tensor that is stored in exactly the wanted type, in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or type.
    package func scalars<Scalar: TensorScalar>(
        _ name: String, shape: [Int], as type: Scalar.Type = Scalar.self
    ) throws(DiffusionError) -> [Scalar] {
        let entry = try entry(name, shape: shape)
        guard entry.type.rawValue == Scalar.tensorTypeName else {
            throw .wrongType(name: name, path: path, expected: Scalar.tensorTypeName, found: entry.type.rawValue)
        }
        return numbers(of: entry, elements: 0..<entry.range.count / entry.type.width)
    }

    /// The numbers of an I32 tensor in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or type.
    package func int32s(_ name: String, shape: [Int]) throws(DiffusionError) -> [Int32] {
        try scalars(name, shape: shape)
    }

    private func entry(_ name: String, shape: [Int]) throws(DiffusionError) -> SafetensorsHeader.Entry {
        guard let entry = header.entries[name] else { throw .missingTensor(name: name, path: path) }
        guard entry.shape == shape else {
            throw .wrongShape(name: name, path: path, expected: shape, found: entry.shape)
        }
        return entry
    }

    /// Copies numbers whose type is known to be the entry's; the file need not align them.
    private func numbers<Scalar: BitwiseCopyable>(
        of entry: SafetensorsHeader.Entry, elements: Range<Int>
    ) -> [Scalar] {
        withBytes(of: entry, elements: elements) { bytes in
            Array(unsafeUninitializedCapacity: elements.count) { numbers, count in
                UnsafeMutableRawBufferPointer(numbers).copyMemory(from: bytes)
                count = elements.count
            }
        }
    }

    private func withBytes<Result>(
        of entry: SafetensorsHeader.Entry, elements: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        let start = dataStart + entry.range.lowerBound
        let width = entry.type.width
        let range = start + elements.lowerBound * width..<start + elements.upperBound * width
        // Whoever reads a tensor again finds it in the system's cache.
        defer { file.releasePages(in: range) }
        return file.withBytes(in: range, body)
    }
}
