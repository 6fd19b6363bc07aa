import Diffusion
import Foundation
import SharedModel

/// A sweep file, planned with the models of this host.
struct PlannedSweep {
    let plan: SweepPlan
    private let models: [String: ModelFolder]

    /// Reads and plans the sweep at `file`; models' paths are relative to it, or to the file that it is a copy of.
    ///
    /// - Throws: ``SharedModelError`` about the file or a model, ``DiffusionError`` about a model that can't be rendered.
    init(file: String, copiedFrom original: String? = nil) throws {
        let sweep = try Sweep(contentsOf: file, copiedFrom: original)
        let locator = ModelLocator(sweepFolder: URL(filePath: original ?? file).deletingLastPathComponent().path)
        var models: [String: ModelFolder] = [:]
        plan = try sweep.plan { name in
            let path = try locator.locate(name)
            // A model that can't be rendered is told before anything is planned: this reads the configs and the
            // headers of the weights.
            let folder = try ModelFolder(path: path)
            _ = (try folder.textEncoderWeights(), try folder.unetWeights(), try folder.vaeWeights())
            models[name] = folder
            return try ModelFingerprint.compute(of: path)
        }
        self.models = models
    }

    /// A model that the plan names.
    func model(_ name: String) throws -> ModelFolder {
        guard let model = models[name] else { throw SharedModelError.modelNotFound(name: name, places: []) }
        return model
    }

    /// The shards as workers are granted them.
    var grants: [[GrantedCell]] {
        let cells = Dictionary(uniqueKeysWithValues: plan.cells.map { ($0.key, $0) })
        return plan.shards.map { shard in
            shard.cells.compactMap { cells[$0] }.map { planned in
                let position = plan.positions[planned.firstPosition]
                return GrantedCell(
                    key: planned.key, cell: planned.cell, position: position.index, rawPrompt: position.prompt,
                    rawNegativePrompt: position.negativePrompt, style: position.style)
            }
        }
    }

    /// The name that the sweep file has for the model of a cell.
    func modelName(of cell: GrantedCell) -> String { plan.positions[cell.position].model }
}
