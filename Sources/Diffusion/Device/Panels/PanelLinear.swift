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

    func apply(_ x: Tensor, adding residual: Tensor?, activation: Activation) throws -> Tensor {
        precondition(x.channels == inputs, "a product with \(inputs) inputs got \(x.shape)")
        let result = try device.empty(x.shape.dropLast() + [outputs])
        precondition(residual?.count ?? result.count == result.count, "a residual has the shape of the result")
        try multiply(
            device.address(x), rows: x.rows, adding: residual.map(device.address), into: device.address(result),
            activation: activation)
        return result
    }

    /// Multiplies `rows` rows of `inputs` numbers.
    func multiply(
        _ x: UnsafeMutablePointer<Float>, rows: Int, adding residual: UnsafeMutablePointer<Float>?,
        into result: UnsafeMutablePointer<Float>, activation: Activation
    ) throws {
        guard rows > 0 else { return }
        let layout: WeightLayout =
            switch device.precision {
            case .fp32: .panels(inputs: inputs, outputs: outputs)
            case .bf16: .bfloatPanels(inputs: inputs, outputs: outputs)
            }
        try weights.withAddress(in: layout) { panels in
            var call = tmdne_product(
                x: x, panels: panels, bias: bias?.pointer, residual: residual, y: result, matrices: 1, rows: rows,
                inputs: inputs, outputs: outputs, activation: activation.kernel)
            switch device.precision {
            case .fp32: tmdne_multiply(&call)
            case .bf16: tmdne_multiply_bfloats(&call, 0)
            }
        }
    }
}
