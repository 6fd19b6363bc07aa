/// What a person can get wrong with a model or a setting, each told as one sentence that names the thing and the remedy.
package enum DiffusionError: Error, Equatable, Sendable {
    /// A value in a JSON file of the model is missing, out of range, or asks for something that is not supported.
    case invalidConfig(path: String, key: String, problem: String)
    /// A sampler cannot take this number of steps.
    case invalidSteps(Int, allowed: ClosedRange<Int>)
    /// The tokenizer's files do not describe a CLIP tokenizer.
    case invalidTokenizer(path: String, problem: String)
    /// A safetensors file breaks its format.
    case invalidWeights(path: String, problem: String)
    /// A file or folder that the model needs does not exist.
    case missingFile(path: String, remedy: String)
    /// The weights lack a tensor that the config asks for.
    case missingTensor(name: String, path: String)
    /// The weights hold tensors that the config does not use.
    case unusedTensors(names: [String], path: String)
    /// A file exists but cannot be read.
    case unreadableFile(path: String, reason: String)
    /// A tensor has another shape than the config asks for.
    case wrongShape(name: String, path: String, expected: [Int], found: [Int])
    /// A tensor holds numbers of a type that is of no use where it stands.
    case wrongType(name: String, path: String, expected: String, found: String)
}

extension DiffusionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidConfig(let path, let key, let problem):
            "\(path): the key \"\(key)\" \(problem)."
        case .invalidSteps(let steps, let allowed):
            "\(steps) steps are not possible; choose between \(allowed.lowerBound) and \(allowed.upperBound)."
        case .invalidTokenizer(let path, let problem):
            "\(path) is not the file of a CLIP tokenizer: \(problem); get the model's tokenizer folder again."
        case .invalidWeights(let path, let problem):
            "\(path) is not a sound safetensors file: \(problem); download or export it again."
        case .missingFile(let path, let remedy):
            "\(path) does not exist; \(remedy)."
        case .missingTensor(let name, let path):
            "\(path) has no tensor \"\(name)\", which its config.json asks for; check that both belong together."
        case .unusedTensors(let names, let path):
            "\(path) holds tensors that its config.json does not use, \(names.count) in all "
                + "(\(Self.sample(of: names))); check that both belong together."
        case .unreadableFile(let path, let reason):
            "\(path) cannot be read: \(reason)."
        case .wrongShape(let name, let path, let expected, let found):
            "\(path): the tensor \"\(name)\" has the shape \(found), but config.json asks for \(expected); "
                + "check that both belong together."
        case .wrongType(let name, let path, let expected, let found):
            "\(path): the tensor \"\(name)\" is stored as \(found), not as \(expected); convert the file."
        }
    }

    /// The first names of a list, enough to recognise what they are about.
    private static func sample(of names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
    }
}
