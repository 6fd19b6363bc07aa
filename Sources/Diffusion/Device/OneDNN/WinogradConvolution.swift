import CDNNL
import CKernels

/// A 3x3 convolution by Winograd's F(4x4, 3x3) (Lavin and Gray 2016): a quarter of the multiplications of the direct way.
///
/// Our own transforms around oneDNN's product, instead of oneDNN's own Winograd: that one wants another layout of the
/// pictures, exists in 2.x on AVX-512 alone, and picks its way by batch and threads, so that an image's bytes would
/// depend on its neighbours. Here a tile of 4x4 pixels is computed alike wherever it stands.
final class WinogradConvolution: ConvolutionKernel {
    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let weights: PackedWeights
    private let bias: CPUBuffer
    /// By the number of tiles at once.
    private var products: [Int: (primitive: OneDNNPrimitive, weights: UnsafeMutablePointer<Float>)] = [:]

    /// Whether a convolution is one that this way is made for, and faster at.
    ///
    /// The transforms work on 16 channels at a time. Below `fewestChannels` they cost what the products save; beyond
    /// `mostWeights` the transformed weights, four times the plain ones, cost more memory than the time is worth: such
    /// layers stand at a UNet's lowest resolutions, where there are few pixels.
    static func suits(_ shape: ConvolutionShape) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && shape.padding == 1
            && shape.inputs.isMultiple(of: 16) && shape.outputs.isMultiple(of: 16)
            && min(shape.inputs, shape.outputs) >= fewestChannels && shape.inputs * shape.outputs <= mostWeights
    }

    private static let fewestChannels = 64
    private static let mostWeights = 640 * 640
    /// Floats of both transforms at once: what stays in the last level of cache of most hosts.
    private static let scratchFloats = 2 << 20

    init(device: CPUDevice, shape: ConvolutionShape, weights: [Float], bias: [Float]) throws {
        precondition(Self.suits(shape), "\(shape)")
        precondition(weights.count == shape.outputs * shape.inputs * 9 && bias.count == shape.outputs)
        self.device = device
        self.shape = shape
        let points = tmdne_winograd_points()
        var transformed = [Float](repeating: 0, count: points * shape.inputs * shape.outputs)
        tmdne_winograd_weights(weights, &transformed, shape.outputs, shape.inputs)
        self.weights = PackedWeights(
            library: device.library, values: transformed,
            descriptor: try OneDNNLibrary.descriptor([points, shape.inputs, shape.outputs], dnnl_abc))
        self.bias = try device.buffer(of: bias)
    }

    func apply(_ x: Tensor, adding residual: Tensor?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let (batch, height, width) = (x.shape[0], x.shape[1], x.shape[2])
        let result = try device.empty([batch, height, width, shape.outputs])
        if let residual { precondition(residual.shape == result.shape, "cannot add \(residual.shape)") }
        let points = tmdne_winograd_points()
        let tiles = tmdne_winograd_tiles(batch, height, width)
        let chunk = min(tiles, max(32, Self.scratchFloats / (points * (shape.inputs + shape.outputs))))
        let input = try device.empty([points, chunk, shape.inputs])
        let product = try device.empty([points, chunk, shape.outputs])
        for first in stride(from: 0, to: tiles, by: chunk) {
            let count = min(chunk, tiles - first)
            tmdne_winograd_input(
                device.address(x), device.address(input), height, width, shape.inputs, first, count)
            let (primitive, weights) = try primitive(tiles: count)
            try primitive.run([device.address(input), weights, device.address(product)])
            tmdne_winograd_output(
                device.address(product), bias.pointer, residual.map(device.address), device.address(result),
                height, width, shape.outputs, first, count)
        }
        return result
    }

    private func primitive(
        tiles: Int
    ) throws -> (primitive: OneDNNPrimitive, weights: UnsafeMutablePointer<Float>) {
        if let made = products[tiles] { return made }
        let points = tmdne_winograd_points()
        var source = try OneDNNLibrary.descriptor([points, tiles, shape.inputs], dnnl_abc)
        var matrices = try OneDNNLibrary.descriptor([points, shape.inputs, shape.outputs], dnnl_format_tag_any)
        var target = try OneDNNLibrary.descriptor([points, tiles, shape.outputs], dnnl_abc)
        var description = dnnl_matmul_desc_t()
        try OneDNNLibrary.check(
            dnnl_matmul_desc_init(&description, &source, &matrices, nil, &target), "dnnl_matmul_desc_init")
        let primitive = try OneDNNPrimitive(
            library: device.library, description: &description, postOperations: nil,
            arguments: [
                (DNNL_ARG_SRC_0, dnnl_query_src_md), (DNNL_ARG_WEIGHTS_0, dnnl_query_weights_md),
                (DNNL_ARG_DST_0, dnnl_query_dst_md),
            ])
        let made = (primitive, try weights.address(in: primitive.weightsDescriptor))
        products[tiles] = made
        return made
    }
}
