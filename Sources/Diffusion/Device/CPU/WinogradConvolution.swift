import CKernels

/// A 3x3 convolution by Winograd's F(4x4, 3x3) (Lavin and Gray 2016): a quarter of the multiplications of the direct way.
///
/// Our own transforms around a product of matrices, instead of oneDNN's own Winograd: that one wants another layout of the
/// pictures, exists in 2.x on AVX-512 alone, and picks its way by batch and threads, so that an image's bytes would
/// depend on its neighbours. Here a tile of 4x4 pixels is computed alike wherever it stands.
final class WinogradConvolution: ConvolutionKernel {
    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let weights: PackedWeights
    private let bias: CPUBuffer
    private let product: any TileProduct

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

    /// Rows and columns of a tile.
    static let tile = 4
    private static let fewestChannels = 64
    private static let mostWeights = 640 * 640
    /// Floats of both transforms at once: what stays in the last level of cache of most hosts.
    private static let scratchFloats = 2 << 20

    init(device: CPUDevice, shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor) throws {
        precondition(Self.suits(shape), "\(shape)")
        precondition(weights.count == shape.outputs * shape.inputs * 9 && bias.count == shape.outputs)
        self.device = device
        self.shape = shape
        let points = tmdne_winograd_points()
        let product = try device.tileProduct(inputs: shape.inputs, outputs: shape.outputs)
        let inPanels: Int32 = type(of: product).takesPanels ? 1 : 0
        let transformed = WeightTensor(shape: [points, shape.inputs, shape.outputs]) {
            elements, target throws(DiffusionError) in
            precondition(elements.count == points * shape.inputs * shape.outputs, "transformed as a whole")
            guard let u = target.baseAddress else { return }
            tmdne_winograd_weights(try weights.floats(), u, shape.outputs, shape.inputs, inPanels)
        }
        self.product = product
        self.weights = PackedWeights(device: device, tensor: transformed)
        self.bias = try device.buffer(of: try bias.floats())
    }

    /// Tiles whose transforms are in memory at once.
    static func chunk(of tiles: Int, shape: ConvolutionShape) -> Int {
        min(tiles, max(32, scratchFloats / (tmdne_winograd_points() * (shape.inputs + shape.outputs))))
    }

    func apply(_ x: Tensor, adding residual: Tensor?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let (batch, height, width) = (x.shape[0], x.shape[1], x.shape[2])
        let result = try device.empty([batch, height, width, shape.outputs])
        if let residual { precondition(residual.shape == result.shape, "cannot add \(residual.shape)") }
        try convolve(
            device.address(x), residual.map(device.address), into: device.address(result), height: height, width: width,
            tiles: 0..<tmdne_winograd_tiles(batch, height, width))
        return result
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Tensor?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let (height, width) = (x.shape[1] * preparation.factor, x.shape[2] * preparation.factor)
        let result = try device.empty([x.shape[0], height, width, shape.outputs])
        if let residual { precondition(residual.shape == result.shape, "cannot add \(residual.shape)") }
        let step = shape.bandRows(width: width)
        // A row of tiles.
        let across = tmdne_winograd_tiles(1, 1, width)
        try device.withRows(of: x, prepared: preparation) { rows in
            for image in 0..<x.shape[0] {
                for first in stride(from: 0, to: height, by: step) {
                    let last = min(first + step, height)
                    // A row more on either side is needed; a row of tiles more keeps the tiles where they are.
                    let source = max(first - Self.tile, 0)..<min(last + Self.tile, height)
                    let origin = (image * height + source.lowerBound) * width * shape.outputs
                    let skipped = (first - source.lowerBound) / Self.tile * across
                    try rows(image, source) {
                        try convolve(
                            $0, residual.map { device.address($0) + origin }, into: device.address(result) + origin,
                            height: source.count, width: width,
                            tiles: skipped..<skipped + tmdne_winograd_tiles(1, last - first, width))
                    }
                }
            }
        }
        return result
    }

    /// Convolves some tiles of pictures of `height` rows.
    private func convolve(
        _ x: UnsafeMutablePointer<Float>, _ residual: UnsafeMutablePointer<Float>?,
        into result: UnsafeMutablePointer<Float>, height: Int, width: Int, tiles: Range<Int>
    ) throws {
        let points = tmdne_winograd_points()
        let chunk = Self.chunk(of: tiles.count, shape: shape)
        let input = try device.empty([points, chunk, shape.inputs])
        let products = try device.empty([points, chunk, shape.outputs])
        var first = tiles.lowerBound
        while first < tiles.upperBound {
            let count = min(chunk, tiles.upperBound - first)
            // Lent once for all chunks of this size, because weights that are not kept are transformed for it.
            try weights.withAddress(in: try product.layout(tiles: count)) { u in
                while first + count <= tiles.upperBound {
                    tmdne_winograd_input(x, device.address(input), height, width, shape.inputs, first, count)
                    try product.run(tiles: count, device.address(input), u, into: device.address(products))
                    tmdne_winograd_output(
                        device.address(products), bias.pointer, residual, result, height, width, shape.outputs, first,
                        count)
                    first += count
                }
            }
        }
    }
}

/// The product between the transforms: `[36, tiles, inputs]` with `[36, inputs, outputs]`.
protocol TileProduct: AnyObject {
    /// Whether the transformed weights are wanted as the panels of `tmdne_multiply`.
    static var takesPanels: Bool { get }
    func layout(tiles: Int) throws -> WeightLayout
    func run(
        tiles: Int, _ input: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws
}
