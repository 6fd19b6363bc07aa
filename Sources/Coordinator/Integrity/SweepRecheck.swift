import Foundation
package import SharedModel

/// Finished cells of a sweep as a sweep of its own, to be rendered again by other workers than those that made them.
package enum SweepRecheck {
    /// Plans the sweep; it is served as any other.
    ///
    /// - Parameters:
    ///   - images: What the images that are to be made again say of themselves; a cell each.
    ///   - original: The sweep that they belong to.
    ///   - directory: Of the new sweep; nothing may be there yet.
    /// - Throws: ``CoordinatorError``.
    package static func plan(
        _ images: [ImageMetadata], of original: SweepDirectory, in directory: SweepDirectory
    ) async throws {
        let reader = try SweepReader(original)
        let (name, source) = try reader.sweep()
        let makers = try reader.makers()
        let plan = SweepPlan(
            name: name, source: source, positions: images.enumerated().map { position($0.offset, of: $0.element) },
            cells: images.enumerated().map {
                PlannedCell(key: $0.element.key, cell: $0.element.cell, firstPosition: $0.offset)
            },
            shards: images.map { Shard(cells: [$0.key]) })
        try directory.create()
        let store = try SweepStore(path: directory.database.path)
        do {
            _ = try await store.adopt(plan, directory: directory.url.path)
            let keys = Set(images.map(\.key))
            try await store.leaveToOthers(makers.filter { keys.contains($0.key) })
            await store.close()
        } catch {
            await store.close()
            throw error
        }
    }

    private static func position(_ index: Int, of image: ImageMetadata) -> Position {
        let (axes, cell) = (image.axes, image.cell)
        return Position(
            index: index, cell: image.key, model: axes.model, prompt: axes.prompt, negativePrompt: axes.negativePrompt,
            style: axes.style, guidance: cell.guidance, seed: cell.seed, steps: cell.steps, sampler: cell.sampler,
            width: cell.width, height: cell.height, files: image.files ?? [:])
    }
}
