import Foundation

/// Finds the weight files of a model's part among the names that diffusers and transformers save them under.
enum WeightFiles {
    /// Stems in use: transformers' for text encoders, diffusers' for the rest.
    private static let stems = ["diffusion_pytorch_model", "model"]
    /// Full precision is preferred when a folder has both.
    private static let endings = [".safetensors", ".fp16.safetensors"]

    /// The file, or the files of a split one, that hold the weights in `folder`.
    ///
    /// - Throws: ``DiffusionError`` when there is none, or a file of a split one is missing.
    static func paths(in folder: String) throws(DiffusionError) -> [String] {
        let present: Set<String>
        do {
            present = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
        } catch {
            throw .missingFile(path: folder, remedy: "a model in diffusers' layout has such a folder")
        }
        for ending in endings {
            for stem in stems {
                if present.contains(stem + ending) { return ["\(folder)/\(stem)\(ending)"] }
                let parts = try parts(of: stem, ending: ending, in: present, folder: folder)
                if !parts.isEmpty { return parts }
            }
        }
        let remedy =
            present.contains { $0.hasSuffix(".bin") || $0.hasSuffix(".ckpt") }
            ? "convert the pickle in that folder to safetensors, since a pickle can run code"
            : "download the part's weights, or check the model's path"
        throw .missingFile(path: "\(folder)/\(stems[0])\(endings[0])", remedy: remedy)
    }

    /// The files `stem-00001-of-00003.safetensors` and so on.
    private static func parts(
        of stem: String, ending: String, in present: Set<String>, folder: String
    ) throws(DiffusionError) -> [String] {
        let first = "\(stem)-00001-of-"
        guard let name = present.first(where: { $0.hasPrefix(first) && $0.hasSuffix(ending) }),
            let count = Int(name.dropFirst(first.count).prefix(5)), (1...99_999).contains(count)
        else { return [] }
        var paths: [String] = []
        for number in 1...count {
            let name = String(format: "\(stem)-%05d-of-%05d\(ending)", number, count)
            guard present.contains(name) else {
                throw .missingFile(path: "\(folder)/\(name)", remedy: "download the missing file of the part")
            }
            paths.append("\(folder)/\(name)")
        }
        return paths
    }
}
