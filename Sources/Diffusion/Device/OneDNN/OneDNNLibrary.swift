import CDNNL

/// oneDNN's engine and stream for this process's processor.
///
/// Written against the C API of oneDNN 2.x; the files of this folder are all that a move to 3.x touches.
final class OneDNNLibrary {
    private(set) var engine: dnnl_engine_t?
    private(set) var stream: dnnl_stream_t?

    init() throws {
        try Self.check(dnnl_engine_create(&engine, dnnl_cpu, 0), "dnnl_engine_create")
        try Self.check(
            dnnl_stream_create(&stream, engine, dnnl_stream_default_flags.rawValue), "dnnl_stream_create")
    }

    deinit {
        dnnl_stream_destroy(stream)
        dnnl_engine_destroy(engine)
    }

    /// The instruction set that oneDNN's kernels use here, in words.
    static var instructionSet: String {
        let isa = dnnl_get_effective_cpu_isa()
        return switch isa {
        case dnnl_cpu_isa_avx512_core_amx: "AMX"
        case dnnl_cpu_isa_avx512_core_bf16: "AVX-512 with bf16"
        case dnnl_cpu_isa_avx512_core, dnnl_cpu_isa_avx512_core_vnni: "AVX-512"
        case dnnl_cpu_isa_avx2, dnnl_cpu_isa_avx2_vnni: "AVX2"
        case dnnl_cpu_isa_avx: "AVX"
        case dnnl_cpu_isa_sse41: "SSE4.1"
        default: "instruction set \(isa.rawValue)"
        }
    }

    /// Whether a row of a product has the same bits however many rows there are: so it is with the kernels for AVX-512, while
    /// those for AVX2 of oneDNN 2.6 split sums among threads by the number of rows.
    static var hasInvariantProducts: Bool {
        // Each instruction set is the bits of those that it has in it.
        dnnl_get_effective_cpu_isa().rawValue & dnnl_cpu_isa_avx512_core.rawValue == dnnl_cpu_isa_avx512_core.rawValue
    }

    /// The version of the library that is loaded, `2.6.3`.
    static var version: String {
        guard let version = dnnl_version()?.pointee else { return "unknown" }
        return "\(version.major).\(version.minor).\(version.patch)"
    }

    /// - Throws: ``DiffusionError`` unless `status` is success.
    static func check(_ status: dnnl_status_t, _ call: String) throws {
        guard status != dnnl_success else { return }
        throw DiffusionError.library(call: call, status: Int(status.rawValue))
    }

    /// Describes a dense tensor of 32-bit floats; `any` leaves the layout to the primitive.
    static func descriptor(_ dimensions: [Int], _ tag: dnnl_format_tag_t) throws -> dnnl_memory_desc_t {
        var descriptor = dnnl_memory_desc_t()
        let sizes = dimensions.map { dnnl_dim_t($0) }
        try check(
            dnnl_memory_desc_init_by_tag(&descriptor, Int32(sizes.count), sizes, dnnl_f32, tag),
            "dnnl_memory_desc_init_by_tag")
        return descriptor
    }
}
