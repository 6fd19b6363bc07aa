import CKernels

/// A product of the last dimension with a matrix by our own loops, whose numbers do not depend on how many rows there are.
final class PanelLinear: LinearKernel {
    private let device: CPUDevice
    private let inputs: Int
    private let outputs: Int
    private let weights: PackedWeights
    private let bias: CPUBuffer?

    init(device: CPUDevice, inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?) throws {
        precondition(weights.count == inputs * outputs && bias?.count ?? outputs == outputs)
        self.device = device
        self.inputs = inputs
        self.outputs = outputs
        self.weights = PackedWeights(device: device, tensor: weights)
        self.bias = try bias.map { try device.buffer(of: try $0.floats()) }
    }

    func apply(
        _ x: Tensor, adding residual: Tensor?, activation: Activation, in precision: Precision
    ) throws -> Tensor {
        precondition(x.channels == inputs, "a product with \(inputs) inputs got \(x.shape)")
        let precision = device.precision.isOfResults(inputs: inputs) ? precision : .fp32
        let result = try device.empty(x.shape.dropLast() + [outputs], in: precision)
        precondition(residual?.count ?? result.count == result.count, "a residual has the shape of the result")
        var call = tmdne_product()
        (call.x, call.rows, call.narrow_x) = (UnsafeRawPointer(device.numbers(x)), x.rows, x.narrowness)
        call.residual = residual.map { UnsafePointer(device.address($0)) }
        (call.y, call.narrow_y) = (device.numbers(result), result.narrowness)
        call.activation = activation.kernel
        try multiply(call)
        return result
    }

    func gated(_ x: Tensor) throws -> Tensor {
        guard device.precision.isOfResults(inputs: inputs), outputs.isMultiple(of: 32) else {
            return try device.gatedGELU(try apply(x, adding: nil, activation: .identity, in: .fp32))
        }
        precondition(x.channels == inputs, "a product with \(inputs) inputs got \(x.shape)")
        let result = try device.empty(x.shape.dropLast() + [outputs / 2], in: device.precision)
        var call = tmdne_product()
        (call.x, call.rows, call.narrow_x) = (UnsafeRawPointer(device.numbers(x)), x.rows, x.narrowness)
        (call.y, call.narrow_y, call.gated) = (device.numbers(result), result.narrowness, 1)
        try multiply(call)
        return result
    }

    /// Multiplies the rows of `call`, which says all but the sizes of the matrix, the weights and the bias.
    func multiply(_ call: tmdne_product) throws {
        guard call.rows > 0 else { return }
        var call = call
        (call.matrices, call.inputs, call.outputs) = (1, inputs, outputs)
        call.bias = bias.map { UnsafePointer($0.pointer) }
        let layout: WeightLayout =
            switch device.precision {
            case .fp32: .panels(inputs: inputs, outputs: outputs)
            case .bf16: .bfloatPanels(inputs: inputs, outputs: outputs)
            }
        let floats = call.narrow_x == 0 ? device.precision.productScratch(rows: call.rows, inputs: inputs) : nil
        let scratch = try floats.map { try device.empty([$0]) }
        call.scratch = scratch.map(device.address)
        try weights.withAddress(in: layout) { panels in
            call.panels = UnsafeRawPointer(panels)
            switch device.precision {
            case .fp32: tmdne_multiply(&call)
            case .bf16: tmdne_multiply_bfloats(&call)
            }
        }
    }
}
