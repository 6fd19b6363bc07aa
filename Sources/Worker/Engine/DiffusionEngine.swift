package import Diffusion
import Foundation
package import SharedModel

/// Renders with Stable Diffusion: one loaded model at a time, each row of equal cells in one go.
package final class DiffusionEngine: Engine {
    private let compute: any Device
    private let isSharing: Bool
    private let memoryBudget: Int?
    private let previewPace: PreviewPace
    private let findFile: (String, String) throws -> String
    private let findModel: (String, String) throws -> any ModelFiles
    /// The model without LoRAs, whose files stay mapped.
    private var base: (name: String, fingerprint: String, files: any ModelFiles)?
    /// What shows images before they are finished; no maker where that can't be done.
    private var previews: (file: PreviewFile, maker: PreviewMaker?)?
    private var loaded: (fingerprint: String, composition: RenderOptions.Composition, pipeline: Pipeline)?

    /// - Parameters:
    ///   - device: What computes.
    ///   - isSharing: `false` renders each cell by itself, to prove that sharing is exact.
    ///   - memoryBudget: Bytes that this process may take; a cell that needs more is refused before anything is loaded.
    ///   - previewPace: How often an unfinished image is shown.
    ///   - findFile: The path of the LoRA, VAE or preview decoder of this host whose content has the fingerprint; the name
    ///     tells where to look first, and an error what to do.
    ///   - findModel: The same of a model.
    package init(
        device: any Device, isSharing: Bool = true, memoryBudget: Int? = nil,
        previewPace: PreviewPace = PreviewPace(),
        findFile: @escaping (_ name: String, _ fingerprint: String) throws -> String,
        findModel: @escaping (_ name: String, _ fingerprint: String) throws -> any ModelFiles
    ) {
        self.isSharing = isSharing
        self.memoryBudget = memoryBudget
        self.previewPace = previewPace
        self.findFile = findFile
        self.findModel = findModel
        compute = device
    }

    package var device: String { compute.label }
    package var precision: String { compute.precision.rawValue }

    package var ability: Ability? {
        Ability(
            memory: [memoryBudget, AddressSpace.budget].compactMap(\.self).min(), precision: precision,
            families: ModelFamily.allCases.map(\.rawValue))
    }

    package func prepare(model: String, for cell: GrantedCell) throws {
        _ = try pipeline(model: model, for: cell)
    }

    package func showPreviews(with file: PreviewFile?) throws {
        guard previews?.file.fingerprint != file?.fingerprint else { return }
        // What can't be had is not looked for again with every shard.
        previews = file.map { (file: $0, maker: nil) }
        guard let file else { return }
        let model = try PreviewModel(path: findFile(file.name, file.fingerprint))
        previews?.maker = try PreviewMaker(model, device: compute, pace: previewPace)
    }

    /// The pipeline for a cell: the one that is loaded, or another one in its place.
    private func pipeline(model name: String, for granted: GrantedCell) throws -> Pipeline {
        let cell = granted.cell
        let composition = cell.options.composition
        if let loaded, loaded.fingerprint == cell.fingerprint, loaded.composition == composition {
            return loaded.pipeline
        }
        let files =
            if let base, base.fingerprint == cell.fingerprint { base.files } else {
                try findModel(name, cell.fingerprint)
            }
        let composed = try composition.applied(to: files, names: granted.files, findFile: findFile)
        // Two models at once may be more than the memory holds.
        loaded = nil
        base = (name, cell.fingerprint, files)
        let pipeline = try Pipeline(model: composed, device: compute, memoryBudget: memoryBudget)
        loaded = (cell.fingerprint, composition, pipeline)
        return pipeline
    }

    package func render(
        _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
    ) throws {
        guard let base else { preconditionFailure("render follows prepare") }
        var groups = GroupCount(cells: cells.count)
        var isStopped = false
        for row in Self.rows(of: cells) {
            let pipeline = try pipeline(model: base.name, for: row[0])
            pipeline.previews = previews?.maker
            do {
                try pipeline.render(try Self.request(for: row), isSharing: isSharing) { step in
                    guard let first = step.indices.first else { return true }
                    let key = row[first].key
                    groups.begin(key, count: step.indices.count)
                    isStopped = !progress(
                        EngineProgress(
                            cell: key, group: groups.number, isLastGroup: groups.isLast, step: step.step,
                            steps: step.steps, preview: step.preview.map { Preview($0, of: key) }))
                    return !isStopped
                } emit: { image in
                    let timings = image.timings
                    try emit(
                        RenderedCell(
                            cell: row[image.index].key, width: image.width, height: image.height, pixels: image.pixels,
                            encode: timings.encode, denoise: timings.denoise, decode: timings.decode))
                }
            } catch {
                // What was begun may fill all the memory that there is.
                compute.trim()
                throw error
            }
            if isStopped { return }
        }
    }

    /// Runs of cells that differ in nothing but guidance, in the order in which they first appear.
    private static func rows(of cells: [GrantedCell]) -> [[GrantedCell]] {
        var rows: [[GrantedCell]] = []
        var places: [Cell: Int] = [:]
        for granted in cells {
            var common = granted.cell
            common.guidance = 0
            if let place = places[common] {
                rows[place].append(granted)
            } else {
                places[common] = rows.count
                rows.append([granted])
            }
        }
        return rows
    }

    private static func request(for row: [GrantedCell]) throws -> RowRequest {
        guard let request = RowRequest(row) else {
            preconditionFailure("Diffusion knows everything that a sweep can name")
        }
        return request
    }
}

extension Preview {
    fileprivate init(_ picture: PreviewPicture, of cell: CellKey) {
        self.init(cell: cell, width: picture.width, height: picture.height, pixels: picture.pixels)
    }
}

/// Numbers the groups of cells that are rendered together, as their progress reveals them.
private struct GroupCount {
    private var current: CellKey?
    private var remaining: Int
    private(set) var number = -1

    init(cells: Int) {
        remaining = cells
    }

    var isLast: Bool { remaining <= 0 }

    mutating func begin(_ first: CellKey, count: Int) {
        guard current != first else { return }
        current = first
        number += 1
        remaining -= count
    }
}
