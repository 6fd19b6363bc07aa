import CKernels

/// A device that computes nothing: networks run on it to learn what memory they take, and to have their weights' names and
/// shapes checked, before anything is read.
///
/// The memory is that of ``CPUDevice``, whose buffers it counts one by one.
final class SurveyDevice: Device {
    let meter = MemoryMeter()
    let label = "survey"
    let precision: Precision

    init(precision: Precision) { self.precision = precision }

    var widestHead: Int { tmdne_attention_widest() }

    private var keepsBuffers = true

    func trim() { meter.trim() }

    func keepBuffers(_ areKept: Bool) { keepsBuffers = areKept }

    func changeNetwork() {
        if !keepsBuffers { trim() }
    }

    func keepWeights(bytes: Int) { meter.allowance = bytes }

    func upload(_ values: [Float], shape: [Int]) -> Tensor { empty(shape) }

    func upload(_ weights: WeightTensor) -> Tensor { empty(weights.shape) }

    /// Zeros.
    func download(_ tensor: Tensor) -> [Float] { Array(repeating: 0, count: tensor.count) }

    func convolution(
        _ shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor
    ) -> any ConvolutionKernel {
        let isDirect = BfloatConvolution.suits(shape, in: precision)
        let isTransformed = !isDirect && WinogradConvolution.suits(shape)
        let isProduct = PanelConvolution.suits(shape)
        let weights = SurveyedWeights(
            count: isTransformed ? WinogradConvolution.transformedCount(of: shape) : weights.count,
            transformed: isTransformed ? weights.count : nil, bias: bias, meter: meter,
            precision: isDirect || isTransformed || isProduct ? precision : .fp32)
        return isDirect
            ? SurveyBfloatConvolution(shape: shape, weights: weights, device: self)
            : SurveyConvolution(shape: shape, weights: weights, device: self)
    }

    func linear(
        inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?
    ) -> any LinearKernel {
        let weights = SurveyedWeights(
            count: weights.count, transformed: nil, bias: bias, meter: meter, precision: precision)
        return SurveyLinear(inputs: inputs, outputs: outputs, weights: weights, device: self)
    }

    func groupNorm(
        _ x: Tensor, adding shift: Tensor?, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float,
        activation: Activation, in precision: Precision
    ) -> Tensor {
        let result = empty(x.shape, in: precision)
        _ = groupScratch(x, groups: groups)
        return result
    }

    func layerNorm(_ x: Tensor, scale: Tensor, bias: Tensor, epsilon: Float, in precision: Precision) -> Tensor {
        empty(x.shape, in: precision)
    }

    func attention(
        queries: TensorSlice, keys: TensorSlice, values: TensorSlice, heads: Int, headWidth: Int, isCausal: Bool
    ) -> Tensor {
        let batch = queries.tensor.shape[0]
        let keyBatch = keys.tensor.shape[0]
        let result = empty([batch, queries.tensor.rows / batch, heads * headWidth], in: precision)
        _ = meter.buffer(
            count: precision.attentionScratch(
                keyBatch, heads: heads, headWidth: headWidth, keys: keys.tensor.rows / keyBatch))
        return result
    }

    func gatedGELU(_ x: Tensor) -> Tensor { empty(x.shape.dropLast() + [x.channels / 2], in: precision) }

    func activate(_ x: Tensor, _ activation: Activation) -> Tensor { empty(x.shape) }

    func resized(_ x: Tensor, height: Int, width: Int) -> Tensor {
        empty([x.shape[0], height, width, x.channels])
    }

    func concatenated(_ a: Tensor, _ b: Tensor) -> Tensor {
        empty(a.shape.dropLast() + [a.channels + b.channels])
    }

    fileprivate func empty(_ shape: [Int], in precision: Precision = .fp32) -> Tensor {
        let precision = precision.whereItFits(shape)
        return Tensor(
            shape: shape, storage: meter.buffer(count: precision.floats(of: shape)), precision: precision)
    }

    /// The statistics of a group norm, in double precision.
    fileprivate func groupScratch(_ x: Tensor, groups: Int) -> MeteredBuffer {
        meter.buffer(count: 2 * tmdne_group_norm_scratch(x.shape[0], x.rows / x.shape[0], x.channels, groups))
    }
}

/// Weights that count from their layer's first run on.
private final class SurveyedWeights {
    private let count: Int
    private let transformed: Int?
    private let meter: MemoryMeter
    private let bias: MeteredBuffer?
    private let precision: Precision
    private var isPacked = false

    /// `count` is that of the weights as they are packed, `transformed` of what they are made of, if not as many.
    init(count: Int, transformed: Int?, bias: WeightTensor?, meter: MemoryMeter, precision: Precision) {
        self.count = count
        self.transformed = transformed
        self.meter = meter
        self.precision = precision
        self.bias = bias.map { meter.buffer(count: $0.count) }
    }

    deinit { if isPacked { meter.unpack(count: count, in: precision) } }

    func pack() {
        if !isPacked { isPacked = meter.pack(count: count, transformed: transformed, in: precision) }
    }
}

/// A convolution that rounds its input into planes.
private final class SurveyBfloatConvolution: ConvolutionKernel {
    let preparesAsItReads = true

    private let shape: ConvolutionShape
    private let weights: SurveyedWeights
    private let device: SurveyDevice

    init(shape: ConvolutionShape, weights: SurveyedWeights, device: SurveyDevice) {
        self.shape = shape
        self.weights = weights
        self.device = device
    }

    func apply(_ x: Tensor, adding residual: Residual?) -> Tensor { convolve(x, factor: 1, adding: residual) }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) -> Tensor {
        guard case .normalised(_, _, _, let groups, _, _) = preparation else {
            return convolve(x, factor: preparation.factor, adding: residual)
        }
        return withExtendedLifetime(device.groupScratch(x, groups: groups)) {
            convolve(x, factor: 1, adding: residual)
        }
    }

    private func convolve(_ x: Tensor, factor: Int, adding residual: Residual?) -> Tensor {
        weights.pack()
        var call = BfloatConvolution.call(shape, size: x.shape, factor: factor)
        let result =
            residual?.place
            ?? device.empty([call.images, shape.output(call.height), shape.output(call.width), shape.outputs])
        _ = device.meter.buffer(count: tmdne_bfloat_convolution_scratch(&call))
        return result
    }
}

private final class SurveyConvolution: ConvolutionKernel {
    let preparesAsItReads = false

    private let shape: ConvolutionShape
    private let weights: SurveyedWeights
    private let device: SurveyDevice

    init(shape: ConvolutionShape, weights: SurveyedWeights, device: SurveyDevice) {
        self.shape = shape
        self.weights = weights
        self.device = device
    }

    func apply(_ x: Tensor, adding residual: Residual?) -> Tensor {
        weights.pack()
        let result =
            place(of: residual)
            ?? device.empty([x.shape[0], shape.output(x.shape[1]), shape.output(x.shape[2]), shape.outputs])
        return withExtendedLifetime(tiles(x.shape[0], x.shape[1], x.shape[2])) { result }
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) -> Tensor {
        weights.pack()
        let (height, width) = (x.shape[1] * preparation.factor, x.shape[2] * preparation.factor)
        let result = place(of: residual) ?? device.empty([x.shape[0], height, width, shape.outputs])
        var statistics: MeteredBuffer?
        if case .normalised(_, _, _, let groups, _, _) = preparation {
            statistics = device.groupScratch(x, groups: groups)
        }
        let step = shape.bandRows(width: width)
        for first in stride(from: 0, to: height, by: step) {
            let last = min(first + step, height)
            let halo = WinogradConvolution.suits(shape) ? WinogradConvolution.tile(of: shape) : shape.padding
            let source = max(first - halo, 0)..<min(last + halo, height)
            // Doubling begins and ends at whole rows of what it doubles.
            let factor = preparation.factor
            let prepared = ((source.upperBound + factor - 1) / factor - source.lowerBound / factor) * factor
            let band = device.meter.buffer(count: prepared * width * shape.inputs)
            withExtendedLifetime((band, tiles(1, last - first, width))) {}
        }
        return withExtendedLifetime(statistics) { result }
    }

    /// What the result takes the place of; a product takes none.
    private func place(of residual: Residual?) -> Tensor? { PanelConvolution.suits(shape) ? nil : residual?.place }

    /// The transforms of a fast convolution.
    private func tiles(_ images: Int, _ height: Int, _ width: Int) -> [MeteredBuffer] {
        guard WinogradConvolution.suits(shape) else { return [] }
        let tile = WinogradConvolution.tile(of: shape)
        let points = tmdne_winograd_points(tile)
        let chunk = WinogradConvolution.chunk(
            of: tmdne_winograd_tiles(tile, images, height, width), shape: shape, tile: tile)
        let input = WinogradConvolution.inputFloats(
            of: chunk, points: points, inputs: shape.inputs, in: device.precision)
        return [input, points * chunk * shape.outputs].map { device.meter.buffer(count: $0) }
    }
}

private final class SurveyLinear: LinearKernel {
    private let inputs: Int
    private let outputs: Int
    private let weights: SurveyedWeights
    private let device: SurveyDevice

    init(inputs: Int, outputs: Int, weights: SurveyedWeights, device: SurveyDevice) {
        self.inputs = inputs
        self.outputs = outputs
        self.weights = weights
        self.device = device
    }

    func apply(_ x: Tensor, adding residual: Tensor?, activation: Activation, in precision: Precision) -> Tensor {
        multiply(x, outputs: outputs, in: device.precision.isOfResults(inputs: inputs) ? precision : .fp32)
    }

    func gated(_ x: Tensor) -> Tensor {
        device.precision.isOfResults(inputs: inputs) && outputs.isMultiple(of: 32)
            ? multiply(x, outputs: outputs / 2, in: device.precision)
            : device.gatedGELU(multiply(x, outputs: outputs, in: .fp32))
    }

    private func multiply(_ x: Tensor, outputs: Int, in precision: Precision) -> Tensor {
        weights.pack()
        let result = device.empty(x.shape.dropLast() + [outputs], in: precision)
        if x.precision == .fp32, let floats = device.precision.productScratch(rows: x.rows, inputs: inputs) {
            _ = device.meter.buffer(count: floats)
        }
        return result
    }
}
