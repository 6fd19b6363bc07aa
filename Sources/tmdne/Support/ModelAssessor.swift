import Coordinator
import Diffusion
import SharedModel
import Worker

/// Tells what a sweep's cells take, from this host's copy of their model.
struct ModelAssessor {
    let locator: ModelLocator

    /// What a worker must have for one cell at a time, from configs and headers alone.
    ///
    /// - Throws: What is wrong with this host's copy, or that there is none.
    func need(of use: ModelUse) throws -> ModelNeed {
        let find = { (name: String, fingerprint: String) in try locator.locate(name, fingerprint: fingerprint) }
        let model = try ModelOpener.open(find(use.name, use.fingerprint))
        let composed = try use.options.composition.applied(to: model, names: use.files, findFile: find)
        var memory: [String: Int] = [:]
        for precision in Precision.allCases {
            memory[precision.rawValue] =
                try composed.memory(width: use.width, height: use.height, precision: precision).least
        }
        return ModelNeed(family: model.config.family.rawValue, memory: memory)
    }
}
