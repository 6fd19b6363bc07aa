import CKernels

/// The processor: oneDNN for convolutions and products, own loops for the rest, 32-bit floats, no transposes.
///
/// Where oneDNN's products depend on how many rows there are, as they do in 2.6 below AVX-512, products are our own, too, and
/// those in bfloat16 always are.
///
/// Belongs to one thread: oneDNN and the loops share the team that libgomp keeps for it, and oneDNN's scratch memory is the
/// thread's.
package final class CPUDevice: Device {
    let library: OneDNNLibrary
    let weightMemory = WeightMemory()
    let pool = CPUBufferPool()
    package let precision: Precision
    private let hasOwnProducts: Bool
    private var keepsBuffers = true

    /// - Throws: ``DiffusionError`` when oneDNN finds no engine.
    package convenience init(precision: Precision = .fp32) throws {
        try self.init(precision: precision, hasOwnProducts: !OneDNNLibrary.hasInvariantProducts)
    }

    /// A device whose products in single precision are our own, or oneDNN's, whatever suits the processor.
    init(precision: Precision = .fp32, hasOwnProducts: Bool) throws {
        library = try OneDNNLibrary()
        self.precision = precision
        self.hasOwnProducts = hasOwnProducts || precision == .bf16
    }

    /// Whether the processor multiplies bfloat16 faster than single precision: elsewhere it saves memory alone.
    package static var isFastInBfloat: Bool { tmdne_is_fast_in_bfloats() != 0 }

    package var parts: DeviceParts? {
        let threads = Int(tmdne_thread_count())
        guard threads > 1 else { return nil }
        return DeviceParts(threads: threads) { [precision, hasOwnProducts] threads in
            tmdne_use_threads(Int32(clamping: threads))
            return try CPUDevice(precision: precision, hasOwnProducts: hasOwnProducts)
        }
    }

    package var label: String {
        let threads = tmdne_thread_count()
        return "cpu (\(instructionSet), \(threads) \(threads == 1 ? "thread" : "threads"))"
    }

    /// What decides on the order of additions: oneDNN's choice, or in bfloat16 that of our own kernels, which may not use AMX where
    /// the system does not let this process.
    private var instructionSet: String {
        guard precision == .bf16, tmdne_has_wide_vectors() != 0 else { return OneDNNLibrary.instructionSet }
        return tmdne_has_amx() != 0 ? "AMX" : tmdne_has_bfloats() != 0 ? "AVX-512 with bf16" : "AVX-512"
    }

    package var widestHead: Int { tmdne_attention_widest() }

    /// oneDNN's version, for `doctor`.
    package static var libraryVersion: String { OneDNNLibrary.version }

    package func trim() {
        pool.trim()
        weightMemory.trim()
    }

    package func keepBuffers(_ areKept: Bool) { keepsBuffers = areKept }

    package func changeNetwork() {
        if !keepsBuffers { trim() }
    }

    package func keepWeights(bytes: Int) { weightMemory.allowance = bytes }

    /// Bytes of all tensors and of the buffers that are kept for others.
    var pooledBytes: Int { pool.bytes }
    /// The most that they were at any time.
    var peakPooledBytes: Int { pool.peakBytes }

    package func upload(_ values: [Float], shape: [Int]) throws -> Tensor {
        let tensor = Tensor(shape: shape, storage: try buffer(of: values))
        precondition(tensor.count == values.count, "\(values.count) values for \(shape)")
        return tensor
    }

    package func upload(_ weights: WeightTensor) throws -> Tensor {
        try upload(try weights.floats(), shape: weights.shape)
    }

    package func download(_ tensor: Tensor) -> [Float] {
        guard tensor.precision == .bf16 else {
            return Array(UnsafeBufferPointer(start: address(tensor), count: tensor.count))
        }
        return Array(unsafeUninitializedCapacity: tensor.count) { target, count in
            count = tensor.count
            target.baseAddress.map { tmdne_widen_bfloats(numbers(tensor), $0, count) }
        }
    }

    package func convolution(
        _ shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor
    ) throws -> any ConvolutionKernel {
        if BfloatConvolution.suits(shape, in: precision) {
            return try BfloatConvolution(device: self, shape: shape, weights: weights, bias: bias)
        }
        if WinogradConvolution.suits(shape) {
            return try WinogradConvolution(device: self, shape: shape, weights: weights, bias: bias)
        }
        if hasOwnProducts, PanelConvolution.suits(shape) {
            return try PanelConvolution(device: self, shape: shape, weights: weights, bias: bias)
        }
        return try OneDNNConvolution(device: self, shape: shape, weights: weights, bias: bias)
    }

    /// What multiplies the transformed tiles of a fast convolution.
    func tileProduct(tile: Int, inputs: Int, outputs: Int) throws -> any TileProduct {
        if precision == .bf16 { return BfloatTileProduct(tile: tile, inputs: inputs, outputs: outputs) }
        let points = tmdne_winograd_points(tile)
        return hasOwnProducts
            ? PanelTileProduct(points: points, inputs: inputs, outputs: outputs)
            : try OneDNNTileProduct(library: library, points: points, inputs: inputs, outputs: outputs)
    }

    package func linear(
        inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?
    ) throws -> any LinearKernel {
        hasOwnProducts
            ? try PanelLinear(device: self, inputs: inputs, outputs: outputs, weights: weights, bias: bias)
            : try OneDNNLinear(device: self, inputs: inputs, outputs: outputs, weights: weights, bias: bias)
    }

    package func groupNorm(
        _ x: Tensor, adding shift: Tensor?, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float,
        activation: Activation, in precision: Precision = .fp32
    ) throws -> Tensor {
        precondition(activation == .identity || activation == .silu)
        let result = try empty(x.shape, in: precision)
        try withGroupStatistics(of: x, adding: shift, scale: scale, bias: bias, groups: groups, epsilon: epsilon) {
            tmdne_group_apply(
                address(x), $0, numbers(result), x.shape[0], x.rows / x.shape[0], x.channels, activation.kernel,
                result.narrowness)
        }
        return result
    }

    /// Lends factor and offset of each channel, image by image.
    func withGroupStatistics<Result>(
        of x: Tensor, adding shift: Tensor? = nil, scale: Tensor, bias: Tensor, groups: Int, epsilon: Float,
        _ body: (UnsafePointer<Double>) throws -> Result
    ) throws -> Result {
        let images = x.shape[0]
        let pixels = x.rows / images
        precondition(x.channels % groups == 0 && scale.count == x.channels && bias.count == x.channels)
        precondition(shift.map { $0.channels == x.channels && ($0.rows == 1 || $0.rows == images) } ?? true)
        let doubles = tmdne_group_norm_scratch(images, pixels, x.channels, groups)
        let scratch = try pool.buffer(count: doubles * 2)
        return try scratch.pointer.withMemoryRebound(to: Double.self, capacity: doubles) {
            guard
                let statistics = tmdne_group_statistics(
                    address(x), shift.map(address), shift?.rows ?? 1, address(scale), address(bias), $0, images, pixels,
                    x.channels, groups, epsilon)
            else { preconditionFailure("statistics lie in the scratch memory") }
            return try body(statistics)
        }
    }

    package func layerNorm(
        _ x: Tensor, scale: Tensor, bias: Tensor, epsilon: Float, in precision: Precision = .fp32
    ) throws -> Tensor {
        precondition(scale.count == x.channels && bias.count == x.channels)
        let result = try empty(x.shape, in: precision)
        tmdne_layer_norm(
            address(x), address(scale), address(bias), numbers(result), x.rows, x.channels, epsilon, result.narrowness)
        return result
    }

    package func attention(
        queries: TensorSlice, keys: TensorSlice, values: TensorSlice, heads: Int, headWidth: Int, isCausal: Bool
    ) throws -> Tensor {
        let batch = queries.tensor.shape[0]
        let keyBatch = keys.tensor.shape[0]
        let keyCount = keys.tensor.rows / keyBatch
        let model = heads * headWidth
        precondition(
            batch % keyBatch == 0 && keys.tensor.shape == values.tensor.shape
                && keys.tensor.precision == values.tensor.precision)
        precondition(headWidth <= widestHead, "a head of \(headWidth) channels")
        precondition(
            [queries, keys, values].allSatisfy { $0.firstChannel >= 0 && $0.firstChannel + model <= $0.tensor.channels }
        )
        let queryCount = queries.tensor.rows / batch
        let result = try empty([batch, queryCount, model], in: precision)
        let scratch = try pool.buffer(
            count: precision.attentionScratch(keyBatch, heads: heads, headWidth: headWidth, keys: keyCount))
        var call = tmdne_attention(
            q: numbers(queries), k: numbers(keys), v: numbers(values), y: numbers(result), scratch: scratch.pointer,
            batch: batch, repeat: batch / keyBatch, heads: heads, width: headWidth, queries: queryCount, keys: keyCount,
            q_stride: queries.tensor.channels, kv_stride: keys.tensor.channels,
            scale: 1 / Float(headWidth).squareRoot(), causal: isCausal ? 1 : 0, narrow_q: queries.tensor.narrowness,
            narrow_kv: keys.tensor.narrowness, narrow_y: result.narrowness)
        switch precision {
        case .fp32: tmdne_attend(&call)
        case .bf16: tmdne_attend_bfloats(&call)
        }
        return result
    }

    package func gatedGELU(_ x: Tensor) throws -> Tensor {
        precondition(x.channels % 2 == 0)
        let result = try empty(x.shape.dropLast() + [x.channels / 2], in: precision)
        tmdne_gated_gelu(address(x), numbers(result), x.rows, result.channels, result.narrowness)
        return result
    }

    package func activate(_ x: Tensor, _ activation: Activation) throws -> Tensor {
        let result = try empty(x.shape)
        tmdne_activate(address(x), address(result), x.count, activation.kernel)
        return result
    }

    package func resized(_ x: Tensor, height: Int, width: Int) throws -> Tensor {
        precondition(x.shape.count == 4)
        let result = try empty([x.shape[0], height, width, x.channels])
        tmdne_resize_nearest(
            address(x), address(result), x.shape[0], x.shape[1], x.shape[2], height, width, x.channels)
        return result
    }

    package func concatenated(_ a: Tensor, _ b: Tensor) throws -> Tensor {
        precondition(a.shape.dropLast() == b.shape.dropLast(), "cannot join \(a.shape) and \(b.shape)")
        let result = try empty(a.shape.dropLast() + [a.channels + b.channels])
        tmdne_concatenate(address(a), a.channels, address(b), b.channels, address(result), a.rows)
        return result
    }
}
