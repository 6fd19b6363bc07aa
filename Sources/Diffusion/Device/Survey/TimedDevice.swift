/// A device that notes how long another one takes for what.
package final class TimedDevice: Device {
    /// What a network's time goes to.
    package enum Operation: String, CaseIterable, Sendable {
        case convolution3x3 = "3x3 convolution"
        case otherConvolution = "other convolution"
        case product
        case attention
        case groupNorm = "group norm"
        case layerNorm = "layer norm"
        case gatedGELU = "gated GELU"
        case other = "activation, resize, join"
    }

    /// What an operation has taken so far.
    package struct Work: Sendable {
        package var seconds = 0.0
        package var calls = 0
        /// Additions and multiplications of the direct way, in thousands of millions.
        package var gigaflops = 0.0

        /// What was done since `start`.
        package func since(_ start: Work) -> Work {
            Work(seconds: seconds - start.seconds, calls: calls - start.calls, gigaflops: gigaflops - start.gigaflops)
        }
    }

    /// The one that computes.
    package let base: any Device
    private let clock = ContinuousClock()
    package private(set) var work: [Operation: Work] = [:]

    package init(_ base: any Device) {
        self.base = base
    }

    package var label: String { base.label }
    package var precision: Precision { base.precision }
    package var widestHead: Int { base.widestHead }

    package func trim() { base.trim() }

    package func keepBuffers(_ areKept: Bool) { base.keepBuffers(areKept) }

    package func changeNetwork() { base.changeNetwork() }

    package func keepWeights(bytes: Int) { base.keepWeights(bytes: bytes) }

    package func upload(_ values: [Float], shape: [Int]) throws -> Tensor { try base.upload(values, shape: shape) }

    package func upload(_ weights: WeightTensor) throws -> Tensor { try base.upload(weights) }

    package func download(_ tensor: Tensor) throws -> [Float] { try base.download(tensor) }

    package func convolution(
        _ shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor
    ) throws -> any ConvolutionKernel {
        TimedConvolution(base: try base.convolution(shape, weights: weights, bias: bias), shape: shape, device: self)
    }

    package func linear(
        inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?
    ) throws -> any LinearKernel {
        TimedLinear(
            base: try base.linear(inputs: inputs, outputs: outputs, weights: weights, bias: bias),
            flopsPerRow: 2 * Double(inputs * outputs), device: self)
    }

    package func groupNorm(
        _ x: Tensor, adding shift: Tensor?, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float,
        activation: Activation, in precision: Precision
    ) throws -> Tensor {
        try timed(.groupNorm) {
            try base.groupNorm(
                x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon, activation: activation,
                in: precision)
        }
    }

    package func layerNorm(
        _ x: Tensor, scale: Tensor, bias: Tensor, epsilon: Float, in precision: Precision
    ) throws -> Tensor {
        try timed(.layerNorm) {
            try base.layerNorm(x, scale: scale, bias: bias, epsilon: epsilon, in: precision)
        }
    }

    package func attention(
        queries: TensorSlice, keys: TensorSlice, values: TensorSlice, heads: Int, headWidth: Int, isCausal: Bool
    ) throws -> Tensor {
        let keyCount = keys.tensor.rows / keys.tensor.shape[0]
        return try timed(.attention, flops: 4 * Double(queries.tensor.rows * keyCount * heads * headWidth)) {
            try base.attention(
                queries: queries, keys: keys, values: values, heads: heads, headWidth: headWidth, isCausal: isCausal)
        }
    }

    package func gatedGELU(_ x: Tensor) throws -> Tensor { try timed(.gatedGELU) { try base.gatedGELU(x) } }

    package func activate(_ x: Tensor, _ activation: Activation) throws -> Tensor {
        try timed(.other) { try base.activate(x, activation) }
    }

    package func resized(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
        try timed(.other) { try base.resized(x, height: height, width: width) }
    }

    package func concatenated(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        try timed(.other) { try base.concatenated(a, b) }
    }

    fileprivate func timed<Result>(
        _ operation: Operation, flops: Double = 0, _ body: () throws -> Result
    ) rethrows -> Result {
        let start = clock.now
        let result = try body()
        work[operation, default: Work()].seconds += (clock.now - start) / .seconds(1)
        work[operation, default: Work()].calls += 1
        work[operation, default: Work()].gigaflops += flops / 1e9
        return result
    }
}

private final class TimedConvolution: ConvolutionKernel {
    var preparesAsItReads: Bool { base.preparesAsItReads }

    private let base: any ConvolutionKernel
    private let shape: ConvolutionShape
    private unowned let device: TimedDevice

    init(base: any ConvolutionKernel, shape: ConvolutionShape, device: TimedDevice) {
        self.base = base
        self.shape = shape
        self.device = device
    }

    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor {
        try timed(x.shape, factor: 1) { try base.apply(x, adding: residual) }
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor {
        try timed(x.shape, factor: preparation.factor) {
            try base.apply(x, preparing: preparation, adding: residual)
        }
    }

    private func timed(_ input: [Int], factor: Int, _ body: () throws -> Tensor) rethrows -> Tensor {
        let pixels = input[0] * shape.output(input[1] * factor) * shape.output(input[2] * factor)
        let flops = 2 * Double(pixels * shape.inputs * shape.outputs * shape.kernel * shape.kernel)
        return try device.timed(
            shape.kernel == 3 && shape.stride == 1 ? .convolution3x3 : .otherConvolution, flops: flops, body)
    }
}

private final class TimedLinear: LinearKernel {
    private let base: any LinearKernel
    private let flopsPerRow: Double
    private unowned let device: TimedDevice

    init(base: any LinearKernel, flopsPerRow: Double, device: TimedDevice) {
        self.base = base
        self.flopsPerRow = flopsPerRow
        self.device = device
    }

    func apply(
        _ x: Tensor, adding residual: Tensor?, activation: Activation, in precision: Precision
    ) throws -> Tensor {
        try device.timed(.product, flops: Double(x.rows) * flopsPerRow) {
            try base.apply(x, adding: residual, activation: activation, in: precision)
        }
    }

    func gated(_ x: Tensor) throws -> Tensor {
        try device.timed(.product, flops: Double(x.rows) * flopsPerRow) { try base.gated(x) }
    }
}
