/// What a low-rank adaptation adds to the weights of one layer: weight · alpha / rank · up · down.
///
/// E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", section 4.1, <https://arxiv.org/abs/2106.09685>. A
/// convolution's weights are a matrix of one row an output channel; its kernel lies in `down`, or, in the Tucker form of
/// LyCORIS (<https://github.com/KohakuBlueleaf/LyCORIS>, `rebuild_tucker`), in `middle`.
struct LoRADelta: Sendable {
    /// `[output, rank]`, perhaps with a kernel of 1x1.
    let up: TensorView
    /// `[rank, rank, kernel, kernel]`.
    let middle: TensorView?
    /// `[rank, input]`, or with the kernel that `middle` does not have.
    let down: TensorView
    /// All factors before the product.
    var scale: Float

    /// The shape of the weights that it can be added to, or `nil` when its matrices do not go together.
    var shape: [Int]? {
        guard up.shape.count >= 2, down.shape.count >= 2, up.shape[1] == down.shape[0],
            up.shape.dropFirst(2).allSatisfy({ $0 == 1 })
        else { return nil }
        let rank = down.shape[0]
        guard let middle else { return [up.shape[0]] + down.shape.dropFirst() }
        guard middle.shape.count == 4, middle.shape[0] == rank, middle.shape[1] == rank,
            down.shape.dropFirst(2).allSatisfy({ $0 == 1 })
        else { return nil }
        return [up.shape[0], down.shape[1]] + middle.shape[2...]
    }

    func scaled(by factor: Float) -> LoRADelta {
        var delta = self
        delta.scale *= factor
        return delta
    }

    /// Adds the product to a layer's weights, in row-major order and of ``shape``, but for trailing ones.
    ///
    /// - Throws: ``DiffusionError`` when the numbers are of a type that is not floating-point.
    func add(to weights: UnsafeMutableBufferPointer<Float>, outputs: Int) throws(DiffusionError) {
        guard outputs > 0 else { return }
        let (rank, columns) = (down.shape[0], weights.count / outputs)
        try OneDNNProduct.add(
            up.floats(), kernels(), scale: scale, to: weights, rows: outputs, inner: rank, columns: columns)
    }

    /// `down`, `[rank, input]` or `[rank, input, kernel, kernel]`, to which `middle` gives the kernel if there is one.
    private func kernels() throws(DiffusionError) -> [Float] {
        guard let middle else { return try down.floats() }
        let (rank, inputs, positions) = (down.shape[0], down.shape[1], middle.shape[2] * middle.shape[3])
        let (core, matrix) = (try middle.floats(), try down.floats())
        var kernels = [Float](repeating: 0, count: rank * inputs * positions)
        for position in 0..<positions {
            let slice = (0..<rank * rank).map { core[$0 * positions + position] }
            var product = [Float](repeating: 0, count: rank * inputs)
            try product.withUnsafeMutableBufferPointer { product throws(DiffusionError) in
                try OneDNNProduct.add(
                    slice, matrix, scale: 1, to: product, rows: rank, inner: rank, columns: inputs)
            }
            for index in product.indices { kernels[index * positions + position] = product[index] }
        }
        return kernels
    }
}
