import CKernels

/// Our own product of the transformed tiles of a fast convolution.
final class PanelTileProduct: TileProduct {
    let takesPanels = true
    let isNarrow = false

    private let points: Int
    private let inputs: Int
    private let outputs: Int

    init(points: Int, inputs: Int, outputs: Int) {
        self.points = points
        self.inputs = inputs
        self.outputs = outputs
    }

    func layout(tiles: Int) -> WeightLayout { .asRead }

    func run(
        tiles: Int, _ input: UnsafeMutablePointer<Float>, _ weights: UnsafeMutablePointer<Float>,
        into result: UnsafeMutablePointer<Float>
    ) {
        var call = tmdne_product()
        (call.x, call.panels, call.y) = (
            UnsafeRawPointer(input), UnsafeRawPointer(weights), UnsafeMutableRawPointer(result)
        )
        (call.matrices, call.rows, call.inputs, call.outputs) = (points, tiles, inputs, outputs)
        tmdne_multiply(&call)
    }
}
