import CDNNL

/// A compiled primitive and the memory objects of its arguments, whose addresses are set at each run.
final class OneDNNPrimitive {
    private let library: OneDNNLibrary
    private var primitive: dnnl_primitive_t?
    private var arguments: [dnnl_exec_arg_t] = []
    /// The layout that the primitive wants its weights in.
    let weightsLayout: OneDNNLayout
    /// The name of the implementation that oneDNN chose, for diagnosis.
    let implementation: String

    /// Compiles the operation of `description`, a pointer to one of oneDNN's operation descriptors.
    ///
    /// `arguments` are the numbers (`DNNL_ARG_…`) in the order in which ``run(_:)`` gets addresses, each with the query
    /// that finds its layout.
    init(
        library: OneDNNLibrary, description: UnsafeRawPointer, postOperations: dnnl_post_ops_t?,
        arguments: [(number: Int32, layout: dnnl_query_t)]
    ) throws {
        self.library = library
        var attributes: dnnl_primitive_attr_t?
        try OneDNNLibrary.check(dnnl_primitive_attr_create(&attributes), "dnnl_primitive_attr_create")
        defer { dnnl_primitive_attr_destroy(attributes) }
        if let postOperations {
            try OneDNNLibrary.check(
                dnnl_primitive_attr_set_post_ops(attributes, postOperations), "dnnl_primitive_attr_set_post_ops")
        }
        var compiled: dnnl_primitive_desc_t?
        try OneDNNLibrary.check(
            dnnl_primitive_desc_create(&compiled, description, attributes, library.engine, nil),
            "dnnl_primitive_desc_create")
        defer { dnnl_primitive_desc_destroy(compiled) }

        var name: UnsafePointer<CChar>?
        withUnsafeMutablePointer(to: &name) { _ = dnnl_primitive_desc_query(compiled, dnnl_query_impl_info_str, 0, $0) }
        implementation = name.map { String(cString: $0) } ?? "unknown"
        guard let weights = dnnl_primitive_desc_query_md(compiled, dnnl_query_weights_md, 0) else {
            throw DiffusionError.library(call: "dnnl_primitive_desc_query_md", status: 0)
        }
        weightsLayout = OneDNNLayout(weights.pointee)
        try OneDNNLibrary.check(dnnl_primitive_create(&primitive, compiled), "dnnl_primitive_create")
        for (number, layout) in arguments {
            // The added operand of a product has the result's layout; a bias is the second of the weights.
            let index: Int32 = number == DNNL_ARG_BIAS ? 1 : 0
            let descriptor = dnnl_primitive_desc_query_md(compiled, layout, index)
            var memory: dnnl_memory_t?
            try OneDNNLibrary.check(dnnl_memory_create(&memory, descriptor, library.engine, nil), "dnnl_memory_create")
            self.arguments.append(dnnl_exec_arg_t(arg: number, memory: memory))
        }
    }

    deinit {
        for argument in arguments { dnnl_memory_destroy(argument.memory) }
        dnnl_primitive_destroy(primitive)
    }

    /// Runs on `addresses`, in the order of the initialiser's arguments; returns when the result is there.
    func run(_ addresses: [UnsafeMutablePointer<Float>]) throws {
        precondition(addresses.count == arguments.count)
        for (argument, address) in zip(arguments, addresses) {
            try OneDNNLibrary.check(
                dnnl_memory_set_data_handle(argument.memory, address), "dnnl_memory_set_data_handle")
        }
        try OneDNNLibrary.check(
            dnnl_primitive_execute(primitive, library.stream, Int32(arguments.count), arguments),
            "dnnl_primitive_execute")
        try OneDNNLibrary.check(dnnl_stream_wait(library.stream), "dnnl_stream_wait")
    }
}
