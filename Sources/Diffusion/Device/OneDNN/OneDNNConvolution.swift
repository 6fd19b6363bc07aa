import CDNNL

/// A convolution over `[batch, height, width, channel]`, one primitive a picture size and batch.
final class OneDNNConvolution: ConvolutionKernel {
    let preparesAsItReads = false

    private struct Key: Hashable {
        var batch: Int
        var height: Int
        var width: Int
        var isAdding: Bool
        var paddingTop: Int
        var paddingBottom: Int
    }

    private let device: CPUDevice
    private let shape: ConvolutionShape
    private let weights: PackedWeights
    private let layout: OneDNNLayout
    private let bias: CPUBuffer
    private var primitives: [Key: OneDNNPrimitive] = [:]

    init(device: CPUDevice, shape: ConvolutionShape, weights: WeightTensor, bias: WeightTensor) throws {
        precondition(weights.count == shape.outputs * shape.inputs * shape.kernel * shape.kernel)
        precondition(bias.count == shape.outputs)
        self.device = device
        self.shape = shape
        self.weights = PackedWeights(device: device, tensor: weights)
        layout = OneDNNLayout(
            try OneDNNLibrary.descriptor([shape.outputs, shape.inputs, shape.kernel, shape.kernel], dnnl_oihw))
        self.bias = try device.buffer(of: try bias.floats())
    }

    func apply(_ x: Tensor, adding residual: Residual?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        let key = Key(
            batch: x.shape[0], height: x.shape[1], width: x.shape[2], isAdding: residual != nil,
            paddingTop: shape.padding, paddingBottom: shape.padding)
        let result = try destination(
            [key.batch, shape.output(key.height), shape.output(key.width), shape.outputs], adding: residual)
        let primitive = try primitive(for: key)
        try weights.withAddress(in: .oneDNN(layout, primitive.weightsLayout)) {
            try primitive.run([device.address(x), $0, bias.pointer, device.address(result)])
        }
        return result
    }

    func apply(_ x: Tensor, preparing preparation: RowPreparation, adding residual: Residual?) throws -> Tensor {
        precondition(x.shape.count == 4 && x.channels == shape.inputs, "a convolution of \(shape) got \(x.shape)")
        precondition(shape.stride == 1 && 2 * shape.padding == shape.kernel - 1, "\(shape) does not keep the size")
        let (height, width) = (x.shape[1] * preparation.factor, x.shape[2] * preparation.factor)
        let result = try destination([x.shape[0], height, width, shape.outputs], adding: residual)
        let step = shape.bandRows(width: width)
        try device.withRows(of: x, prepared: preparation) { rows in
            for image in 0..<x.shape[0] {
                for first in stride(from: 0, to: height, by: step) {
                    let last = min(first + step, height)
                    // A band needs its neighbours' rows, but what lies beyond the picture is padding.
                    let source = max(first - shape.padding, 0)..<min(last + shape.padding, height)
                    let key = Key(
                        batch: 1, height: source.count, width: width, isAdding: residual != nil,
                        paddingTop: shape.padding - (first - source.lowerBound),
                        paddingBottom: shape.padding - (source.upperBound - last))
                    let primitive = try primitive(for: key)
                    let target = device.address(result) + (image * height + first) * width * shape.outputs
                    try rows(image, source) { source in
                        try weights.withAddress(in: .oneDNN(layout, primitive.weightsLayout)) {
                            try primitive.run([source, $0, bias.pointer, target])
                        }
                    }
                }
            }
        }
        return result
    }

    /// Memory for a result, with the residual in it: the sum of oneDNN reads its destination, and a second operand would
    /// leave the fast kernels.
    private func destination(_ shape: [Int], adding residual: Residual?) throws -> Tensor {
        let result = try device.empty(shape, adding: residual)
        if case .kept(let residual)? = residual {
            device.address(result).update(from: device.address(residual), count: result.count)
        }
        return result
    }

    private func primitive(for key: Key) throws -> OneDNNPrimitive {
        if let made = primitives[key] { return made }
        var source = try OneDNNLibrary.descriptor([key.batch, shape.inputs, key.height, key.width], dnnl_nhwc)
        var kernel = try OneDNNLibrary.descriptor(
            [shape.outputs, shape.inputs, shape.kernel, shape.kernel], dnnl_format_tag_any)
        var bias = try OneDNNLibrary.descriptor([shape.outputs], dnnl_a)
        var target = try OneDNNLibrary.descriptor(
            [
                key.batch, shape.outputs,
                (key.height + key.paddingTop + key.paddingBottom - shape.kernel) / shape.stride + 1,
                shape.output(key.width),
            ], dnnl_nhwc)
        let strides = [dnnl_dim_t](repeating: dnnl_dim_t(shape.stride), count: 2)
        let before = [key.paddingTop, shape.padding].map { dnnl_dim_t($0) }
        let after = [key.paddingBottom, shape.padding].map { dnnl_dim_t($0) }
        var description = dnnl_convolution_desc_t()
        try OneDNNLibrary.check(
            dnnl_convolution_forward_desc_init(
                &description, dnnl_forward_inference, dnnl_convolution_direct, &source, &kernel, &bias, &target,
                strides, before, after),
            "dnnl_convolution_forward_desc_init")

        var postOperations: dnnl_post_ops_t?
        try OneDNNLibrary.check(dnnl_post_ops_create(&postOperations), "dnnl_post_ops_create")
        defer { dnnl_post_ops_destroy(postOperations) }
        if key.isAdding {
            try OneDNNLibrary.check(dnnl_post_ops_append_sum(postOperations, 1), "dnnl_post_ops_append_sum")
        }
        let primitive = try OneDNNPrimitive(
            library: device.library, description: &description, postOperations: postOperations,
            arguments: [
                (DNNL_ARG_SRC_0, dnnl_query_src_md), (DNNL_ARG_WEIGHTS_0, dnnl_query_weights_md),
                (DNNL_ARG_BIAS, dnnl_query_weights_md), (DNNL_ARG_DST_0, dnnl_query_dst_md),
            ])
        primitives[key] = primitive
        return primitive
    }
}
