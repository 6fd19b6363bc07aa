import Diffusion
import Foundation
import SharedModel
import Worker

/// A sweep file, planned with the models of this host.
struct PlannedSweep {
    let plan: SweepPlan
    private let locator: ModelLocator
    private let models: [String: any ModelFiles]
    private let preview: PreviewModel?

    /// Reads and plans the sweep at `file`; models' paths are relative to it, or to the file that it is a copy of.
    ///
    /// - Throws: ``SharedModelError`` about the file or a model, ``DiffusionError`` about a model that can't be rendered.
    init(file: String, copiedFrom original: String? = nil) throws {
        let sweep = try Sweep(contentsOf: file, copiedFrom: original)
        let locator = ModelLocator(sweepFolder: URL(filePath: original ?? file).deletingLastPathComponent().path)
        let preview = try sweep.preview.map { try PreviewModel(path: locator.locate($0)) }
        var models: [String: any ModelFiles] = [:]
        plan = try sweep.plan { name, _ in
            try ModelFingerprint.compute(of: try locator.locate(name))
        } fingerprints: { name in
            let path = try locator.locate(name)
            let files = try ModelOpener.open(path)
            _ = try files.tokenizers()
            models[name] = files
            return try ModelFingerprint.compute(of: path)
        }
        self.models = models
        self.preview = preview
        self.locator = locator
        try check()
    }

    /// Tells what can't be rendered before anything is: models with their LoRAs and autoencoders, from configs and headers.
    private func check() throws {
        var checked: [String: Set<RenderOptions.Composition>] = [:]
        try plan.forEachRow { planned in
            let position = plan.positions[planned.firstPosition]
            let composition = planned.cell.options.composition
            guard checked[position.model, default: []].insert(composition).inserted else { return }
            let composed = try composition.applied(to: model(position.model), names: position.files) { name, _ in
                try file(name)
            }
            try composed.check()
            try preview?.check(for: composed)
        }
    }

    /// A model that the plan names.
    func model(_ name: String) throws -> any ModelFiles {
        guard let model = models[name] else { throw SharedModelError.modelNotFound(name: name, places: []) }
        return model
    }

    /// The path of a LoRA or VAE that the plan names.
    func file(_ name: String) throws -> String { try locator.locate(name) }

    /// Sentences about prompts of which the models do not see everything.
    ///
    /// - Throws: What is wrong with a model's tokenizer.
    func warnings() throws -> [String] {
        var known: [String: TruncationReport] = [:]
        try plan.forEachRow { planned in
            let model = plan.positions[planned.firstPosition].model
            guard let files = models[model] else { return }
            var report = try known[model] ?? TruncationReport(tokenizer: files.tokenizers()[0])
            report.add(planned.cell)
            known[model] = report
        }
        return known.keys.sorted().flatMap { known[$0]?.sentences ?? [] }
    }

    /// The shards as workers are granted them.
    var grants: [[GrantedCell]] {
        let cells = Dictionary(uniqueKeysWithValues: plan.cells.map { ($0.key, $0) })
        return plan.shards.map { shard in
            shard.cells.compactMap { cells[$0] }.map { planned in
                let position = plan.positions[planned.firstPosition]
                return GrantedCell(
                    key: planned.key, cell: planned.cell, position: position.index, rawPrompt: position.prompt,
                    rawNegativePrompt: position.negativePrompt, style: position.style, files: position.files)
            }
        }
    }

    /// The name that the sweep file has for the model of a cell.
    func modelName(of cell: GrantedCell) -> String { plan.positions[cell.position].model }
}
