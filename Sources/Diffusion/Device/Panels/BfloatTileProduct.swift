import CKernels

/// Our own product of the transformed tiles of a fast convolution, in bfloat16.
final class BfloatTileProduct: TileProduct {
    let takesPanels = false
    let isNarrow = true

    private let tile: Int
    private let inputs: Int
    private let outputs: Int

    init(tile: Int, inputs: Int, outputs: Int) {
        self.tile = tile
        self.inputs = inputs
        self.outputs = outputs
    }

    func layout(tiles: Int) -> WeightLayout { .bfloatTiles(tile: tile, inputs: inputs, outputs: outputs) }

    func run(
        tiles: Int, _ input: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) {
        var call = tmdne_product()
        (call.x, call.panels, call.y) = (
            UnsafeRawPointer(input), UnsafeRawPointer(weights), UnsafeMutableRawPointer(result)
        )
        (call.matrices, call.rows, call.inputs, call.outputs) = (tmdne_winograd_points(tile), tiles, inputs, outputs)
        call.narrow_x = 1
        tmdne_multiply_bfloats(&call)
    }
}
