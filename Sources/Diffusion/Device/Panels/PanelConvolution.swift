import CKernels

/// A 1x1 convolution of stride 1, which is a product of every pixel's channels.
final class PanelConvolution: ConvolutionKernel {
    let preparesAsItReads = false

    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let linear: PanelLinear

    init(device: CPUDevice, shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor) throws {
        precondition(Self.suits(shape), "\(shape)")
        self.device = device
        self.shape = shape
        linear = try PanelLinear(
            device: device, inputs: shape.inputs, outputs: shape.outputs, weights: weights, bias: bias)
    }

    static func suits(_ shape: ConvolutionShape) -> Bool {
        shape.kernel == 1 && shape.stride == 1 && shape.padding == 0
    }

    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor {
        try linear.apply(x, adding: residual?.tensor, activation: .identity)
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor {
        let (height, width) = (x.shape[1] * preparation.factor, x.shape[2] * preparation.factor)
        // In memory of its own: a product stores sums of slices before it adds the residual.
        let result = try device.empty([x.shape[0], height, width, shape.outputs])
        if let residual { precondition(residual.tensor.shape == result.shape, "cannot add \(residual.tensor.shape)") }
        let step = shape.bandRows(width: width)
        try device.withRows(of: x, prepared: preparation) { rows in
            for image in 0..<x.shape[0] {
                for first in stride(from: 0, to: height, by: step) {
                    let band = first..<min(first + step, height)
                    let place = (image * height + first) * width * shape.outputs
                    try rows(image, band) {
                        var call = tmdne_product()
                        (call.x, call.rows) = (UnsafeRawPointer($0), band.count * width)
                        call.residual = residual.map { UnsafePointer(device.address($0.tensor) + place) }
                        call.y = UnsafeMutableRawPointer(device.address(result) + place)
                        try linear.multiply(call)
                    }
                }
            }
        }
        return result
    }
}
