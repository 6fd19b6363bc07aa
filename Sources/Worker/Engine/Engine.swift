package import SharedModel

/// What renders the cells of a shard.
///
/// Synchronous and blocking: made, used and released by one thread, so that it needs no locks and keeps no cooperative
/// thread from its work.
package protocol Engine: AnyObject {
    /// What renders, for people: `cpu (AVX-512, 2 threads)`.
    var device: String { get }
    /// What the networks are computed in: `fp32`, `bf16`.
    var precision: String { get }

    /// What it can render; `nil`: not known.
    var ability: Ability? { get }

    /// Gets the model of a shard ready, with the LoRAs and the VAE that its cells want, if it is not already.
    ///
    /// - Parameters:
    ///   - model: Its name as the sweep file has it.
    ///   - cell: A cell of the shard; it says what the model and the other files must contain.
    /// - Throws: An error whose description says what is wrong with this host's copy; the worker then ends, so that
    ///   the cells go to workers that have the model.
    func prepare(model: String, for cell: GrantedCell) throws

    /// Shows images before they are finished from now on, with the decoder of a file; `nil` shows none.
    ///
    /// - Throws: An error whose description says why they can't be shown; they are rendered all the same.
    func showPreviews(with file: PreviewFile?) throws

    /// Renders cells of one shard, which share all but their guidance.
    ///
    /// - Parameters:
    ///   - cells: What to render, in this order where the engine is free to choose.
    ///   - progress: Called often, at least once a step; `false`: stop now and return.
    ///   - emit: Called once for each image, as soon as it is finished. An error of it ends the rendering.
    /// - Throws: An error whose description is one sentence about the cells that were not emitted.
    func render(
        _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
    ) throws
}

extension Engine {
    package var ability: Ability? { nil }
    package func showPreviews(with file: PreviewFile?) throws {}
}

/// Where an engine is in the cells that it was given.
package struct EngineProgress: Equatable, Sendable {
    /// The cell that is rendered, the first one of those that are rendered together.
    package var cell: CellKey
    /// Number of the group of cells that are rendered together, from 0; one group is one image at the least.
    package var group: Int
    /// Whether no other group follows.
    package var isLastGroup: Bool
    /// Sampler steps of the group that are done, and of how many.
    package var step: Int
    package var steps: Int
    /// What the cell's image will show, now and then.
    package var preview: Preview?

    package init(
        cell: CellKey, group: Int, isLastGroup: Bool, step: Int, steps: Int, preview: Preview? = nil
    ) {
        self.cell = cell
        self.group = group
        self.isLastGroup = isLastGroup
        self.step = step
        self.steps = steps
        self.preview = preview
    }
}

/// A finished image and this image's share of the time, in seconds.
package struct RenderedCell: Equatable, Sendable {
    package var cell: CellKey
    package var width: Int
    package var height: Int
    /// 8-bit RGB, `[height, width, 3]`.
    package var pixels: [UInt8]
    package var encode: Double
    package var denoise: Double
    package var decode: Double

    package init(
        cell: CellKey, width: Int, height: Int, pixels: [UInt8], encode: Double, denoise: Double, decode: Double
    ) {
        self.cell = cell
        self.width = width
        self.height = height
        self.pixels = pixels
        self.encode = encode
        self.denoise = denoise
        self.decode = decode
    }
}
