import CKernels

/// A 3x3 convolution by Winograd's F(4x4, 3x3), with a quarter of the multiplications of the direct way, or F(2x2, 3x3), with
/// 4/9 of them (Lavin and Gray 2016).
///
/// The larger tile makes 5 times the error of a direct convolution, the smaller one 1.5 times: in bfloat16 1 % and 0.4 % of the
/// result, in single precision nothing that shows.
///
/// Our own transforms around a product of matrices, instead of oneDNN's own Winograd: that one wants another layout of the
/// pictures, exists in 2.x on AVX-512 alone, and picks its way by batch and threads, so that an image's bytes would
/// depend on its neighbours. Here a tile is computed alike wherever it stands.
final class WinogradConvolution: ConvolutionKernel {
    let preparesAsItReads = false

    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let tile: Int
    private let points: Int
    private let weights: PackedWeights
    private let bias: CPUBuffer
    private let product: any TileProduct

    /// Whether a convolution is one that this way is made for, and faster at.
    ///
    /// The transforms work on 16 channels at a time. Below `fewestChannels` they cost what the products save.
    static func suits(_ shape: ConvolutionShape) -> Bool {
        shape.kernel == 3 && shape.stride == 1 && shape.padding == 1
            && shape.inputs.isMultiple(of: 16) && shape.outputs.isMultiple(of: 16)
            && min(shape.inputs, shape.outputs) >= fewestChannels
    }

    /// Rows and columns of a tile: 4, or beyond `mostWeights` 2.
    ///
    /// Such layers stand at a UNet's lowest resolutions, where there are few pixels, so that to read the transformed weights
    /// takes most of the time: of the larger tiles they are four times the plain ones, of the smaller 16/9.
    static func tile(of shape: ConvolutionShape) -> Int { shape.inputs * shape.outputs <= mostWeights ? 4 : 2 }

    /// How many weights the transformed ones are.
    static func transformedCount(of shape: ConvolutionShape) -> Int {
        tmdne_winograd_points(tile(of: shape)) * shape.inputs * shape.outputs
    }

    private static let fewestChannels = 64
    private static let mostWeights = 1920 * 640
    /// Tiles that many weights are worth reading for.
    private static let fewestTiles = 256
    /// Floats of both transforms at once: what stays in the last level of cache of most hosts.
    private static let scratchFloats = 4 << 20
    /// Rows of our products' register tiles, which are computed as a whole.
    private static let productRows = 6

    init(device: CPUDevice, shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor) throws {
        precondition(Self.suits(shape), "\(shape)")
        precondition(weights.count == shape.outputs * shape.inputs * 9 && bias.count == shape.outputs)
        self.device = device
        self.shape = shape
        let tile = Self.tile(of: shape)
        let points = tmdne_winograd_points(tile)
        let product = try device.tileProduct(tile: tile, inputs: shape.inputs, outputs: shape.outputs)
        let inPanels: Int32 = product.takesPanels ? 1 : 0
        let transformed = WeightTensor(shape: [points, shape.inputs, shape.outputs]) {
            elements, target throws(DiffusionError) in
            precondition(elements.count == points * shape.inputs * shape.outputs, "transformed as a whole")
            guard let u = target.baseAddress else { return }
            tmdne_winograd_weights(tile, try weights.floats(), u, shape.outputs, shape.inputs, inPanels)
        }
        self.tile = tile
        self.points = points
        self.product = product
        self.weights = PackedWeights(device: device, tensor: product.isNarrow ? weights : transformed)
        self.bias = try device.buffer(of: try bias.floats())
    }

    /// Tiles whose transforms are in memory at once: all, or about as many in one chunk as in the next, but in the last.
    ///
    /// One less than a multiple of the rows of two register tiles: nearly all of their rows are used, and it is odd, so that the
    /// points of a tile, which lie a multiple of it apart, do not meet in one set of a cache's lines.
    static func chunk(of tiles: Int, shape: ConvolutionShape, tile: Int) -> Int {
        let floats = tmdne_winograd_points(tile) * (shape.inputs + shape.outputs)
        let most = max(tile == 4 ? 32 : fewestTiles, scratchFloats / floats)
        guard tiles > most else { return tiles }
        let chunks = (tiles + most - 1) / most
        let step = 2 * productRows
        return min(tiles, ((tiles + chunks - 1) / chunks + step) / step * step - 1)
    }

    /// Floats that so many transformed tiles take.
    static func inputFloats(of tiles: Int, points: Int, inputs: Int, in precision: Precision) -> Int {
        points * tiles * inputs / (precision == .bf16 ? 2 : 1)
    }

    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let (batch, height, width) = (x.shape[0], x.shape[1], x.shape[2])
        let result = try device.empty([batch, height, width, shape.outputs], adding: residual)
        try convolve(
            device.address(x), residual.map { device.address($0.tensor) }, into: device.address(result),
            height: height, width: width, tiles: 0..<tmdne_winograd_tiles(tile, batch, height, width))
        return result
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let (height, width) = (x.shape[1] * preparation.factor, x.shape[2] * preparation.factor)
        let result = try device.empty([x.shape[0], height, width, shape.outputs], adding: residual)
        let step = shape.bandRows(width: width)
        // A row of tiles.
        let across = tmdne_winograd_tiles(tile, 1, 1, width)
        try device.withRows(of: x, prepared: preparation) { rows in
            for image in 0..<x.shape[0] {
                for first in stride(from: 0, to: height, by: step) {
                    let last = min(first + step, height)
                    // A row more on either side is needed; a row of tiles more keeps the tiles where they are.
                    let source = max(first - tile, 0)..<min(last + tile, height)
                    let origin = (image * height + source.lowerBound) * width * shape.outputs
                    let skipped = (first - source.lowerBound) / tile * across
                    try rows(image, source) {
                        try convolve(
                            $0, residual.map { device.address($0.tensor) + origin },
                            into: device.address(result) + origin, height: source.count, width: width,
                            tiles: skipped..<skipped + tmdne_winograd_tiles(tile, 1, last - first, width))
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
        let chunk = Self.chunk(of: tiles.count, shape: shape, tile: tile)
        let input = try device.empty(
            [Self.inputFloats(of: chunk, points: points, inputs: shape.inputs, in: device.precision)])
        let products = try device.empty([points, chunk, shape.outputs])
        var first = tiles.lowerBound
        while first < tiles.upperBound {
            var count = min(chunk, tiles.upperBound - first)
            let layout = try product.layout(tiles: count)
            // Lent once for all chunks of this layout, because weights that are not kept are transformed for it.
            try weights.withAddress(in: layout) { u in
                repeat {
                    transform(x, into: device.address(input), height: height, width: width, first: first, count: count)
                    try product.run(tiles: count, device.address(input), u, into: device.address(products))
                    tmdne_winograd_output(
                        tile, device.address(products), bias.pointer, residual, result, height, width, shape.outputs,
                        first, count)
                    first += count
                    count = min(chunk, tiles.upperBound - first)
                } while try count > 0 && product.layout(tiles: count) == layout
            }
        }
    }
}

extension WinogradConvolution {
    /// Transforms `count` tiles of the input, into what the product takes.
    private func transform(
        _ x: UnsafeMutablePointer<Float>, into tiles: UnsafeMutablePointer<Float>, height: Int, width: Int, first: Int,
        count: Int
    ) {
        guard product.isNarrow else {
            return tmdne_winograd_input(tile, x, tiles, height, width, shape.inputs, first, count)
        }
        UnsafeMutableRawPointer(tiles).withMemoryRebound(to: UInt16.self, capacity: points * count * shape.inputs) {
            tmdne_winograd_bfloat_input(tile, x, $0, height, width, shape.inputs, first, count)
        }
    }
}

/// The product between the transforms: `[points, tiles, inputs]` with `[points, inputs, outputs]`.
protocol TileProduct: AnyObject {
    /// Whether the transformed weights are wanted as the panels of `tmdne_multiply`.
    var takesPanels: Bool { get }
    /// Whether the transformed tiles are wanted in bfloat16.
    var isNarrow: Bool { get }
    func layout(tiles: Int) throws -> WeightLayout
    func run(
        tiles: Int, _ input: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws
}
