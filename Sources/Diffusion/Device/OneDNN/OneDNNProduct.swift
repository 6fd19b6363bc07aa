import CDNNL

/// Products of plain matrices, for work on weights that is not a layer's.
enum OneDNNProduct {
    /// Adds `scale` times the product of `left`, `[rows, inner]`, and `right`, `[inner, columns]`, to `result`,
    /// `[rows, columns]`; all in row-major order.
    ///
    /// - Throws: ``DiffusionError/library(call:status:)``.
    static func add(
        _ left: [Float], _ right: [Float], scale: Float, to result: UnsafeMutableBufferPointer<Float>, rows: Int,
        inner: Int, columns: Int
    ) throws(DiffusionError) {
        precondition(left.count == rows * inner && right.count == inner * columns && result.count == rows * columns)
        guard !left.isEmpty, !right.isEmpty else { return }
        let (m, n, k) = (dnnl_dim_t(rows), dnnl_dim_t(columns), dnnl_dim_t(inner))
        let plain = CChar(UInt8(ascii: "N"))
        let status = dnnl_sgemm(plain, plain, m, n, k, scale, left, k, right, n, 1, result.baseAddress, n)
        guard status == dnnl_success else { throw .library(call: "dnnl_sgemm", status: Int(status.rawValue)) }
    }
}
