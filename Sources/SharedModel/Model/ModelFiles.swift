import Foundation

/// The files of a model that decide what it draws.
///
/// Only what is read when the model is loaded: the configurations, the tokenizer, and of several sets of weights the one
/// that is preferred. Two hosts that downloaded other extras (a README, a safety checker, half-precision copies) have
/// the same model.
struct ModelFiles {
    /// Names relative to the model's folder, in the order of their bytes, each with its path.
    let files: [(name: String, path: String)]

    /// Parts with weights, each with its configuration.
    private static let networks = ["text_encoder", "unet", "vae"]
    /// Models with two text encoders have a second one of both.
    private static let secondTextEncoder = "text_encoder_2"
    private static let secondTokenizer = "tokenizer_2"

    /// - Parameter path: A folder in diffusers' layout, or a single `.safetensors` file.
    /// - Throws: ``SharedModelError/notAModel(path:problem:)`` that names what is missing.
    init(path: String) throws(SharedModelError) {
        guard ModelLocator.isFolder(path) else {
            guard ModelLocator.isFile(path), path.hasSuffix(".safetensors") else {
                throw .notAModel(path: path, problem: "write the path of a diffusers folder or of a .safetensors file")
            }
            files = [(ModelManifest.singleFile, path)]
            return
        }
        var names = ["model_index.json", "scheduler/scheduler_config.json"]
        let optional = { (part: String) in ModelLocator.isFolder("\(path)/\(part)") ? [part] : [] }
        for part in Self.networks + optional(Self.secondTextEncoder) {
            names.append("\(part)/config.json")
            names += try Self.weights(ofPart: part, in: path).map { "\(part)/\($0)" }
        }
        for part in ["tokenizer"] + optional(Self.secondTokenizer) {
            let hasMerges = ModelLocator.isFile("\(path)/\(part)/merges.txt")
            names += (hasMerges ? ["vocab.json", "merges.txt"] : ["tokenizer.json"]).map { "\(part)/\($0)" }
            names += ["special_tokens_map.json", "tokenizer_config.json"].map { "\(part)/\($0)" }
                .filter { ModelLocator.isFile("\(path)/\($0)") }
        }
        for name in names where !ModelLocator.isFile("\(path)/\(name)") {
            throw .notAModel(path: path, problem: "it has no file \(name); download the model again")
        }
        files = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { ($0, "\(path)/\($0)") }
    }

    /// The weight files of one part: whole or split, full precision before half.
    private static func weights(ofPart part: String, in folder: String) throws(SharedModelError) -> [String] {
        let present = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(part)")) ?? []
        for ending in [".safetensors", ".fp16.safetensors"] {
            for stem in ["diffusion_pytorch_model", "model"] {
                if present.contains(stem + ending) { return [stem + ending] }
                let split = present.filter { isSplit($0, stem: stem, ending: ending) }
                if !split.isEmpty { return split }
            }
        }
        throw .notAModel(path: folder, problem: "\(part) has no safetensors weights; download them, or convert a .bin")
    }

    /// Whether `name` is of the form `stem-00001-of-00003` and the ending.
    private static func isSplit(_ name: String, stem: String, ending: String) -> Bool {
        guard name.hasPrefix(stem + "-"), name.hasSuffix(ending) else { return false }
        let numbers = name.dropFirst(stem.count + 1).dropLast(ending.count).split(separator: "-")
        return numbers.count == 3 && numbers[1] == "of" && [numbers[0], numbers[2]].allSatisfy { Int($0) != nil }
    }
}
