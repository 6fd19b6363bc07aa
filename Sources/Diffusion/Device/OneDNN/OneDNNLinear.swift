import CDNNL

/// A product of the last dimension with a matrix, one primitive a number of rows.
final class OneDNNLinear: LinearKernel {
    private struct Key: Hashable {
        var rows: Int
        var isAdding: Bool
        var activation: Activation
    }

    private let device: CPUDevice
    private let inputs: Int
    private let outputs: Int
    private let weights: PackedWeights
    private let layout: OneDNNLayout
    private let bias: CPUBuffer?
    private var primitives: [Key: OneDNNPrimitive] = [:]

    init(device: CPUDevice, inputs: Int, outputs: Int, weights: WeightTensor, bias: WeightTensor?) throws {
        precondition(weights.count == inputs * outputs && bias?.count ?? outputs == outputs)
        self.device = device
        self.inputs = inputs
        self.outputs = outputs
        self.weights = PackedWeights(device: device, tensor: weights)
        // A checkpoint holds [output, input]: the transpose of the right-hand side of a product.
        layout = OneDNNLayout(try OneDNNLibrary.descriptor([inputs, outputs], dnnl_ba))
        self.bias = try bias.map { try device.buffer(of: try $0.floats()) }
    }

    func gated(_ x: Tensor) throws -> Tensor {
        try device.gatedGELU(try apply(x, adding: nil, activation: .identity))
    }

    /// In single precision: oneDNN's products are for no other.
    func apply(
        _ x: Tensor, adding residual: Tensor?, activation: Activation, in precision: Precision
    ) throws -> Tensor {
        precondition(x.channels == inputs, "a product with \(inputs) inputs got \(x.shape)")
        let result = try device.empty(x.shape.dropLast() + [outputs])
        precondition(residual?.count ?? result.count == result.count, "a residual has the shape of the result")
        let key = Key(rows: x.rows, isAdding: residual != nil, activation: activation)
        let primitive = try primitive(for: key)
        try weights.withAddress(in: .oneDNN(layout, primitive.weightsLayout)) { weights in
            var addresses = [device.address(x), weights, device.address(result)]
            if let bias { addresses.append(bias.pointer) }
            if let residual { addresses.append(device.address(residual)) }
            try primitive.run(addresses)
        }
        return result
    }

    private func primitive(for key: Key) throws -> OneDNNPrimitive {
        if let made = primitives[key] { return made }
        var source = try OneDNNLibrary.descriptor([key.rows, inputs], dnnl_ab)
        var matrix = try OneDNNLibrary.descriptor([inputs, outputs], dnnl_format_tag_any)
        var target = try OneDNNLibrary.descriptor([key.rows, outputs], dnnl_ab)
        var offset = try OneDNNLibrary.descriptor([1, outputs], dnnl_ab)
        var description = dnnl_matmul_desc_t()
        try OneDNNLibrary.check(
            withUnsafePointer(to: &offset) {
                dnnl_matmul_desc_init(&description, &source, &matrix, bias == nil ? nil : $0, &target)
            }, "dnnl_matmul_desc_init")

        var postOperations: dnnl_post_ops_t?
        try OneDNNLibrary.check(dnnl_post_ops_create(&postOperations), "dnnl_post_ops_create")
        defer { dnnl_post_ops_destroy(postOperations) }
        if key.isAdding {
            try OneDNNLibrary.check(
                dnnl_post_ops_append_binary(postOperations, dnnl_binary_add, &target), "dnnl_post_ops_append_binary")
        }
        if let (algorithm, alpha) = key.activation.oneDNN {
            try OneDNNLibrary.check(
                dnnl_post_ops_append_eltwise(postOperations, 1, algorithm, alpha, 0), "dnnl_post_ops_append_eltwise")
        }
        var arguments: [(number: Int32, layout: dnnl_query_t)] = [
            (DNNL_ARG_SRC_0, dnnl_query_src_md), (DNNL_ARG_WEIGHTS_0, dnnl_query_weights_md),
            (DNNL_ARG_DST_0, dnnl_query_dst_md),
        ]
        if bias != nil { arguments.append((DNNL_ARG_BIAS, dnnl_query_weights_md)) }
        if key.isAdding {
            // DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, a macro that Swift does not import.
            arguments.append((DNNL_ARG_ATTR_MULTIPLE_POST_OP_BASE | DNNL_ARG_SRC_1, dnnl_query_dst_md))
        }
        let primitive = try OneDNNPrimitive(
            library: device.library, description: &description, postOperations: postOperations, arguments: arguments)
        primitives[key] = primitive
        return primitive
    }
}

extension Activation {
    /// oneDNN's name and parameter; `nil` for the identity.
    fileprivate var oneDNN: (algorithm: dnnl_alg_kind_t, alpha: Float)? {
        switch self {
        case .identity: nil
        case .silu: (dnnl_eltwise_swish, 1)
        case .quickGELU: (dnnl_eltwise_swish, 1.702)
        case .gelu: (dnnl_eltwise_gelu_erf, 0)
        case .relu: (dnnl_eltwise_relu, 0)
        }
    }
}
