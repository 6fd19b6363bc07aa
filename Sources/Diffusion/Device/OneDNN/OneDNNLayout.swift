import CDNNL

/// How the numbers of a tensor lie in memory.
struct OneDNNLayout: Equatable {
    fileprivate(set) var descriptor: dnnl_memory_desc_t

    init(_ descriptor: dnnl_memory_desc_t) {
        self.descriptor = descriptor
    }

    /// Padding included.
    var bytes: Int {
        withUnsafePointer(to: descriptor) { dnnl_memory_desc_get_size($0) }
    }

    static func == (a: OneDNNLayout, b: OneDNNLayout) -> Bool {
        withUnsafePointer(to: a.descriptor) { a in
            withUnsafePointer(to: b.descriptor) { b in dnnl_memory_desc_equal(a, b) != 0 }
        }
    }
}

extension OneDNNLibrary {
    /// Copies numbers into another layout.
    func reorder(
        from source: OneDNNLayout, at sourceAddress: UnsafeMutablePointer<Float>,
        to target: OneDNNLayout, at targetAddress: UnsafeMutablePointer<Float>
    ) throws {
        var source = source.descriptor
        var target = target.descriptor
        var compiled: dnnl_primitive_desc_t?
        try OneDNNLibrary.check(
            dnnl_reorder_primitive_desc_create(&compiled, &source, engine, &target, engine, nil),
            "dnnl_reorder_primitive_desc_create")
        defer { dnnl_primitive_desc_destroy(compiled) }
        var primitive: dnnl_primitive_t?
        try OneDNNLibrary.check(dnnl_primitive_create(&primitive, compiled), "dnnl_primitive_create")
        defer { dnnl_primitive_destroy(primitive) }
        var from: dnnl_memory_t?
        try OneDNNLibrary.check(
            dnnl_memory_create(&from, &source, engine, sourceAddress), "dnnl_memory_create")
        defer { dnnl_memory_destroy(from) }
        var to: dnnl_memory_t?
        try OneDNNLibrary.check(dnnl_memory_create(&to, &target, engine, targetAddress), "dnnl_memory_create")
        defer { dnnl_memory_destroy(to) }
        let arguments = [
            dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: from), dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: to),
        ]
        try OneDNNLibrary.check(
            dnnl_primitive_execute(primitive, stream, Int32(arguments.count), arguments),
            "dnnl_primitive_execute")
        try OneDNNLibrary.check(dnnl_stream_wait(stream), "dnnl_stream_wait")
    }
}
