/// A tensor of a model whose name and shape have been checked, and whose numbers are read when they are asked for.
///
/// Until then it costs nothing: a network of billions of weights is built at once, and a device reads each tensor as it
/// packs it, so that a model is never twice in memory.
package struct WeightTensor: Sendable {
    package let shape: [Int]
    /// Writes a range of the numbers, counted in row-major order, to memory for so many.
    package typealias Reader =
        @Sendable (_ elements: Range<Int>, _ target: UnsafeMutableBufferPointer<Float>) throws(DiffusionError) -> Void

    private let read: Reader

    /// A tensor that `read` knows to read.
    package init(shape: [Int], read: @escaping Reader) {
        self.shape = shape
        self.read = read
    }

    /// A tensor of numbers that are in memory.
    package init(_ values: [Float], shape: [Int]) {
        precondition(shape.reduce(1, *) == values.count, "\(values.count) values for \(shape)")
        self.init(shape: shape) { elements, target in _ = target.update(fromContentsOf: values[elements]) }
    }

    /// Product of the shape.
    package var count: Int { shape.reduce(1, *) }

    /// All numbers, in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor has to be computed, and that fails.
    package func floats() throws(DiffusionError) -> [Float] {
        try floats(0..<count)
    }

    /// Writes all numbers, in row-major order, to memory for so many.
    ///
    /// - Throws: ``DiffusionError`` as ``floats()`` does.
    func write(to target: UnsafeMutableBufferPointer<Float>) throws(DiffusionError) {
        precondition(target.count == count, "\(target.count) places for \(count) numbers")
        try read(0..<count, target)
    }

    /// One row of a matrix, which must have it.
    ///
    /// - Throws: ``DiffusionError`` as ``floats()`` does.
    package func row(_ index: Int) throws(DiffusionError) -> [Float] {
        precondition(shape.count == 2 && (0..<shape[0]).contains(index), "row \(index) of \(shape)")
        return try floats(index * shape[1]..<(index + 1) * shape[1])
    }

    private func floats(_ elements: Range<Int>) throws(DiffusionError) -> [Float] {
        var values = [Float](repeating: 0, count: elements.count)
        try values.withUnsafeMutableBufferPointer { target throws(DiffusionError) in try read(elements, target) }
        return values
    }

    /// Matrices of one width, one below the other.
    package static func stacked(_ parts: [WeightTensor]) -> WeightTensor {
        guard let first = parts.first, parts.count > 1 else { return parts.first ?? WeightTensor([], shape: [0]) }
        precondition(parts.allSatisfy { $0.shape.dropFirst() == first.shape.dropFirst() }, "rows of one width")
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        return WeightTensor(shape: [rows] + first.shape.dropFirst()) { elements, target throws(DiffusionError) in
            var start = 0
            for part in parts {
                let own = elements.clamped(to: start..<start + part.count)
                if !own.isEmpty {
                    let place = own.lowerBound - elements.lowerBound
                    try part.read(
                        own.lowerBound - start..<own.upperBound - start,
                        UnsafeMutableBufferPointer(rebasing: target[place..<place + own.count]))
                }
                start += part.count
            }
        }
    }
}
