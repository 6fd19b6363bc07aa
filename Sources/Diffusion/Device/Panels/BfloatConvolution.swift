import CKernels

/// A 3x3 convolution in bfloat16 on AMX, the direct way.
///
/// AMX multiplies faster than Winograd's transforms of its operands can be written, and without them the weights take a
/// quarter of the memory and the rounding errors are those of a product.
final class BfloatConvolution: ConvolutionKernel {
    let preparesAsItReads = true

    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let weights: PackedWeights
    private let bias: CPUBuffer

    /// Whether a convolution in `precision` is one that this way is made for, on this processor.
    static func suits(_ shape: ConvolutionShape, in precision: Precision) -> Bool {
        precision == .bf16 && tmdne_has_amx() != 0 && shape.kernel == 3 && shape.padding == 1 && shape.stride <= 2
            && shape.inputs.isMultiple(of: 32) && shape.outputs.isMultiple(of: 16)
    }

    init(device: CPUDevice, shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor) throws {
        precondition(Self.suits(shape, in: device.precision), "\(shape)")
        precondition(weights.count == shape.outputs * shape.inputs * 9 && bias.count == shape.outputs)
        self.device = device
        self.shape = shape
        self.weights = PackedWeights(device: device, tensor: weights)
        self.bias = try device.buffer(of: try bias.floats())
    }

    /// The kernel's call but for its pointers, on pictures of `size` before they are prepared.
    static func call(_ shape: ConvolutionShape, size: [Int], factor: Int = 1) -> tmdne_convolution {
        var call = tmdne_convolution()
        (call.images, call.height, call.width) = (size[0], size[1] * factor, size[2] * factor)
        (call.inputs, call.outputs, call.stride) = (shape.inputs, shape.outputs, shape.stride)
        call.doubled = factor == 2 ? 1 : 0
        return call
    }

    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor {
        try convolve(x, Self.call(shape, size: x.shape), adding: residual)
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor {
        var call = Self.call(shape, size: x.shape, factor: preparation.factor)
        switch preparation {
        case .doubled: return try convolve(x, call, adding: residual)
        case .normalised(let shift, let scale, let bias, let groups, let epsilon, let activation):
            call.silu = activation == .silu ? 1 : 0
            return try device.withGroupStatistics(
                of: x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon
            ) {
                call.statistics = $0
                return try convolve(x, call, adding: residual)
            }
        }
    }

    private func convolve(_ x: Tensor, _ call: tmdne_convolution, adding residual: Residual?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        var call = call
        let result = try device.empty(
            [call.images, shape.output(call.height), shape.output(call.width), shape.outputs], adding: residual)
        let scratch = try device.empty([tmdne_bfloat_convolution_scratch(&call)])
        call.x = UnsafePointer(device.address(x))
        call.bias = UnsafePointer(bias.pointer)
        call.residual = residual.map { UnsafePointer(device.address($0.tensor)) }
        (call.y, call.scratch) = (device.address(result), device.address(scratch))
        try weights.withAddress(in: .bfloatPanels(inputs: shape.inputs, outputs: shape.outputs, taps: 9)) {
            call.panels = UnsafeRawPointer($0)
            tmdne_convolve_bfloats(&call)
        }
        return result
    }
}
