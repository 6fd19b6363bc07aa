/// A tensor of a model whose name and shape have been checked, and whose numbers are read when they are asked for.
///
/// Until then it costs nothing: a network of billions of weights is built at once, and a device reads each tensor as it
/// packs it, so that a model is never twice in memory.
package struct WeightTensor: Sendable {
    package let shape: [Int]
    /// Reads neighbouring numbers, counted in row-major order.
    private let read: @Sendable (Range<Int>) throws(DiffusionError) -> [Float]

    /// A tensor that `read` knows to read: a range of its numbers, counted in row-major order.
    package init(shape: [Int], read: @escaping @Sendable (Range<Int>) throws(DiffusionError) -> [Float]) {
        self.shape = shape
        self.read = read
    }

    /// A tensor of numbers that are in memory.
    package init(_ values: [Float], shape: [Int]) {
        precondition(shape.reduce(1, *) == values.count, "\(values.count) values for \(shape)")
        self.init(shape: shape) { Array(values[$0]) }
    }

    /// Product of the shape.
    package var count: Int { shape.reduce(1, *) }

    /// All numbers, in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor has to be computed, and that fails.
    package func floats() throws(DiffusionError) -> [Float] {
        try read(0..<count)
    }

    /// One row of a matrix, which must have it.
    ///
    /// - Throws: ``DiffusionError`` as ``floats()`` does.
    package func row(_ index: Int) throws(DiffusionError) -> [Float] {
        precondition(shape.count == 2 && (0..<shape[0]).contains(index), "row \(index) of \(shape)")
        return try read(index * shape[1]..<(index + 1) * shape[1])
    }

    /// Matrices of one width, one below the other.
    package static func stacked(_ parts: [WeightTensor]) -> WeightTensor {
        guard let first = parts.first, parts.count > 1 else { return parts.first ?? WeightTensor([], shape: [0]) }
        precondition(parts.allSatisfy { $0.shape.dropFirst() == first.shape.dropFirst() }, "rows of one width")
        let rows = parts.reduce(0) { $0 + $1.shape[0] }
        return WeightTensor(shape: [rows] + first.shape.dropFirst()) { elements throws(DiffusionError) in
            var values: [Float] = []
            values.reserveCapacity(elements.count)
            var start = 0
            for part in parts {
                let own = elements.clamped(to: start..<start + part.count)
                if !own.isEmpty { values += try part.read(own.lowerBound - start..<own.upperBound - start) }
                start += part.count
            }
            return values
        }
    }
}
