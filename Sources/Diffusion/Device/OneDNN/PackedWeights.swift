import CDNNL

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A layer's weights in the layouts that its primitives ask for.
///
/// The model's file is read when the first primitive asks, so that a layer that never runs takes no memory.
/// A primitive for another batch or picture size nearly always asks for the layout that is there already; each layout is
/// made once, from the first.
final class PackedWeights {
    private struct Form {
        var descriptor: dnnl_memory_desc_t
        let address: UnsafeMutablePointer<Float>
    }

    private let library: OneDNNLibrary
    private var plain: (descriptor: dnnl_memory_desc_t, tensor: WeightTensor)?
    private var forms: [Form] = []

    /// `descriptor` is the layout of `tensor`.
    init(library: OneDNNLibrary, tensor: WeightTensor, descriptor: dnnl_memory_desc_t) {
        self.library = library
        plain = (descriptor, tensor)
    }

    deinit {
        for form in forms { free(form.address) }
    }

    /// The weights in the layout of `descriptor`.
    func address(in descriptor: dnnl_memory_desc_t) throws -> UnsafeMutablePointer<Float> {
        var wanted = descriptor
        for index in forms.indices where dnnl_memory_desc_equal(&forms[index].descriptor, &wanted) != 0 {
            return forms[index].address
        }
        let bytes = dnnl_memory_desc_get_size(&wanted)
        var memory: UnsafeMutableRawPointer?
        guard posix_memalign(&memory, 64, max(bytes, 64)) == 0, let memory else {
            throw DiffusionError.outOfMemory(bytes: bytes)
        }
        let target = memory.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
        do {
            if let plain {
                var values = try plain.tensor.floats()
                try values.withUnsafeMutableBufferPointer {
                    try reorder(from: plain.descriptor, at: $0.baseAddress, to: wanted, at: target)
                }
            } else if let first = forms.first {
                try reorder(from: first.descriptor, at: first.address, to: wanted, at: target)
            }
        } catch {
            free(memory)
            throw error
        }
        plain = nil
        forms.append(Form(descriptor: wanted, address: target))
        return target
    }

    private func reorder(
        from source: dnnl_memory_desc_t, at sourceAddress: UnsafeMutablePointer<Float>?,
        to target: dnnl_memory_desc_t, at targetAddress: UnsafeMutablePointer<Float>
    ) throws {
        var source = source
        var target = target
        var compiled: dnnl_primitive_desc_t?
        try OneDNNLibrary.check(
            dnnl_reorder_primitive_desc_create(&compiled, &source, library.engine, &target, library.engine, nil),
            "dnnl_reorder_primitive_desc_create")
        defer { dnnl_primitive_desc_destroy(compiled) }
        var primitive: dnnl_primitive_t?
        try OneDNNLibrary.check(dnnl_primitive_create(&primitive, compiled), "dnnl_primitive_create")
        defer { dnnl_primitive_destroy(primitive) }
        var from: dnnl_memory_t?
        try OneDNNLibrary.check(
            dnnl_memory_create(&from, &source, library.engine, sourceAddress), "dnnl_memory_create")
        defer { dnnl_memory_destroy(from) }
        var to: dnnl_memory_t?
        try OneDNNLibrary.check(dnnl_memory_create(&to, &target, library.engine, targetAddress), "dnnl_memory_create")
        defer { dnnl_memory_destroy(to) }
        let arguments = [
            dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: from), dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: to),
        ]
        try OneDNNLibrary.check(
            dnnl_primitive_execute(primitive, library.stream, Int32(arguments.count), arguments),
            "dnnl_primitive_execute")
        try OneDNNLibrary.check(dnnl_stream_wait(library.stream), "dnnl_stream_wait")
    }
}
