import CPNGShim

/// Room for the shim's sentence about what went wrong.
struct Reason {
    var bytes = [CChar](repeating: 0, count: Int(CPNG_REASON_BYTES))

    var text: String {
        String(decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
