/// A tensor of a file as a network wants it: under another name, some of its rows, turned, or with fewer dimensions.
///
/// Nothing is read until ``floats()``.
struct TensorView: Sendable {
    let file: SafetensorsFile
    /// The tensor's name in the file.
    let name: String
    /// The extent of each dimension of the view, outermost first.
    let shape: [Int]
    /// What the numbers are stored as.
    let type: TensorType
    /// Where the view's numbers lie among those of the tensor.
    private let elements: Range<Int>
    private let isTransposed: Bool

    /// The whole tensor `name`, or `nil` when the file has none.
    init?(_ name: String, in file: SafetensorsFile) {
        guard let shape = file.shape(of: name), let type = file.type(of: name) else { return nil }
        self.init(name, in: file, shape: shape, type: type)
    }

    private init(
        _ name: String, in file: SafetensorsFile, shape: [Int], type: TensorType, elements: Range<Int>? = nil,
        isTransposed: Bool = false
    ) {
        self.name = name
        self.file = file
        self.shape = shape
        self.type = type
        // The header's check knows that the product does not overflow.
        self.elements = elements ?? 0..<shape.reduce(1, *)
        self.isTransposed = isTransposed
    }

    /// One of `count` equal parts of the rows, such as the keys of a fused attention's weights; `nil` when the rows do not
    /// divide.
    func part(_ index: Int, of count: Int) -> TensorView? {
        guard let rows = shape.first, rows.isMultiple(of: count), !isTransposed else { return nil }
        let size = elements.count / count
        let start = elements.lowerBound + index * size
        return TensorView(
            name, in: file, shape: [rows / count] + shape.dropFirst(), type: type, elements: start..<start + size)
    }

    /// A matrix with rows and columns exchanged; `nil` when the tensor is none.
    var transposed: TensorView? {
        guard shape.count == 2 else { return nil }
        return TensorView(
            name, in: file, shape: shape.reversed(), type: type, elements: elements, isTransposed: !isTransposed)
    }

    /// The weights of a 1x1 convolution as the matrix that they are; any other tensor as it is.
    var asMatrix: TensorView {
        guard shape.count == 4, shape[2] == 1, shape[3] == 1 else { return self }
        return TensorView(
            name, in: file, shape: [shape[0], shape[1]], type: type, elements: elements, isTransposed: isTransposed)
    }

    /// How many numbers there are.
    var count: Int { elements.count }

    /// Makes sure that the numbers can be read as floats, from the header alone.
    ///
    /// - Throws: ``DiffusionError/wrongType(name:path:expected:found:)``.
    func requireFloats() throws(DiffusionError) {
        try file.requireFloats(name)
    }

    /// All numbers, in row-major order.
    ///
    /// - Throws: ``DiffusionError/wrongType(name:path:expected:found:)``.
    func floats() throws(DiffusionError) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        try values.withUnsafeMutableBufferPointer { target throws(DiffusionError) in
            try write(0..<target.count, to: target)
        }
        return values
    }

    /// Writes some neighbouring numbers, counted in row-major order, to memory for so many.
    ///
    /// - Throws: ``DiffusionError/wrongType(name:path:expected:found:)``.
    func write(_ range: Range<Int>, to target: UnsafeMutableBufferPointer<Float>) throws(DiffusionError) {
        guard isTransposed else {
            return try file.write(
                name, elements: elements.lowerBound + range.lowerBound..<elements.lowerBound + range.upperBound,
                to: target)
        }
        let (rows, columns) = (shape[0], shape[1])
        var stored = [Float](repeating: 0, count: count)
        try stored.withUnsafeMutableBufferPointer { stored throws(DiffusionError) in
            try file.write(name, elements: elements, to: stored)
        }
        for (place, index) in range.enumerated() { target[place] = stored[index % columns * rows + index / columns] }
    }
}
