import CKernels

extension CPUDevice {
    /// Memory for a result that an operation will fill, in a precision that this device computes in and products take.
    func empty(_ shape: [Int], in precision: Precision = .fp32) throws -> Tensor {
        let precision = precision.whereItFits(shape)
        return Tensor(shape: shape, storage: try pool.buffer(count: precision.floats(of: shape)), precision: precision)
    }

    /// Memory for a result that `residual` is added to.
    func empty(_ shape: [Int], adding residual: Residual?) throws -> Tensor {
        guard let residual else { return try empty(shape) }
        precondition(residual.tensor.shape == shape, "cannot add \(residual.tensor.shape) to \(shape)")
        return try residual.place ?? empty(shape)
    }

    func buffer(of values: [Float]) throws -> CPUBuffer {
        let buffer = try pool.buffer(count: values.count)
        values.withUnsafeBufferPointer {
            guard let source = $0.baseAddress else { return }
            buffer.pointer.update(from: source, count: values.count)
        }
        return buffer
    }

    /// Where the floats of a tensor of this device lie; valid while the tensor lives.
    func address(_ tensor: Tensor) -> UnsafeMutablePointer<Float> {
        precondition(tensor.precision == .fp32, "what was rounded for products was given to something else")
        return buffer(of: tensor).pointer
    }

    /// Where the numbers of a tensor of this device lie, in its own precision.
    func numbers(_ tensor: Tensor) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(buffer(of: tensor).pointer)
    }

    private func buffer(of tensor: Tensor) -> CPUBuffer {
        guard let buffer = tensor.storage as? CPUBuffer else {
            preconditionFailure("a tensor of another device was given to the CPU")
        }
        return buffer
    }

    func numbers(_ slice: TensorSlice) -> UnsafeRawPointer {
        UnsafeRawPointer(numbers(slice.tensor)) + slice.firstChannel * slice.tensor.precision.bytes
    }
}

extension Tensor {
    /// Whether the kernels shall read or write bfloat16.
    var narrowness: Int32 { precision == .bf16 ? 1 : 0 }
}

extension Precision {
    /// Of a number.
    var bytes: Int {
        switch self {
        case .fp32: 4
        case .bf16: 2
        }
    }

    /// The precision of a tensor of a shape: products read bfloat16 in pairs.
    func whereItFits(_ shape: [Int]) -> Precision { (shape.last ?? 1).isMultiple(of: 2) ? self : .fp32 }

    /// What a tensor takes, in floats; of bfloat16 so much that its rows can be read up to a multiple of 32.
    func floats(of shape: [Int]) -> Int {
        let count = shape.reduce(1, *)
        switch self {
        case .fp32: return count
        case .bf16:
            let channels = max(shape.last ?? 1, 1)
            return (count / channels + 31) / 32 * 32 * channels / 2
        }
    }

    /// Floats that the kernel of a product wants beside operands that are floats, if any.
    func productScratch(rows: Int, inputs: Int) -> Int? {
        let floats = self == .bf16 ? tmdne_bfloat_product_scratch(rows, inputs) : 0
        return floats > 0 ? floats : nil
    }

    /// Whether products give results in this precision, and gate them.
    func isOfResults(inputs: Int) -> Bool { self == .bf16 && tmdne_narrows_products(inputs) != 0 }

    /// Floats that the kernel of attention wants beside its operands.
    func attentionScratch(_ keyBatch: Int, heads: Int, headWidth: Int, keys: Int) -> Int {
        switch self {
        case .fp32: tmdne_attention_scratch(keyBatch, heads, headWidth, keys)
        case .bf16: tmdne_bfloat_attention_scratch(keyBatch, heads, headWidth, keys)
        }
    }
}

extension Activation {
    var kernel: tmdne_activation {
        switch self {
        case .identity: TMDNE_IDENTITY
        case .silu: TMDNE_SILU
        case .quickGELU: TMDNE_QUICK_GELU
        case .gelu: TMDNE_GELU
        case .relu: TMDNE_RELU
        }
    }
}
