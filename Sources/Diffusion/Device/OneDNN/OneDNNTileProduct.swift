import CDNNL

/// oneDNN's product of the transformed tiles of a fast convolution, one primitive a number of tiles.
final class OneDNNTileProduct: TileProduct {
    let takesPanels = false
    let isNarrow = false

    private let library: OneDNNLibrary
    private let points: Int
    private let inputs: Int
    private let outputs: Int
    private let plain: OneDNNLayout
    /// By the number of tiles at once.
    private var primitives: [Int: OneDNNPrimitive] = [:]

    init(library: OneDNNLibrary, points: Int, inputs: Int, outputs: Int) throws {
        self.library = library
        self.points = points
        self.inputs = inputs
        self.outputs = outputs
        plain = OneDNNLayout(try OneDNNLibrary.descriptor([points, inputs, outputs], dnnl_abc))
    }

    func layout(tiles: Int) throws -> WeightLayout { .oneDNN(plain, try primitive(tiles: tiles).weightsLayout) }

    func run(
        tiles: Int, _ input: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) throws {
        try primitive(tiles: tiles).run([input, weights, result])
    }

    private func primitive(tiles: Int) throws -> OneDNNPrimitive {
        if let made = primitives[tiles] { return made }
        var source = try OneDNNLibrary.descriptor([points, tiles, inputs], dnnl_abc)
        var matrices = try OneDNNLibrary.descriptor([points, inputs, outputs], dnnl_format_tag_any)
        var target = try OneDNNLibrary.descriptor([points, tiles, outputs], dnnl_abc)
        var description = dnnl_matmul_desc_t()
        try OneDNNLibrary.check(
            dnnl_matmul_desc_init(&description, &source, &matrices, nil, &target), "dnnl_matmul_desc_init")
        let primitive = try OneDNNPrimitive(
            library: library, description: &description, postOperations: nil,
            arguments: [
                (DNNL_ARG_SRC_0, dnnl_query_src_md), (DNNL_ARG_WEIGHTS_0, dnnl_query_weights_md),
                (DNNL_ARG_DST_0, dnnl_query_dst_md),
            ])
        primitives[tiles] = primitive
        return primitive
    }
}
