/// What can be wrong with a model, a setting or the machine, each told as one sentence that names the thing and the remedy.
package enum DiffusionError: Error, Equatable, Sendable {
    /// A value in a JSON file of the model is missing, out of range, or asks for something that is not supported.
    case invalidConfig(path: String, key: String, problem: String)
    /// So many of the text encoder's last layers cannot be left out.
    case invalidClipSkip(Int, greatest: Int)
    /// A sampler cannot take this number of steps.
    case invalidSteps(Int, allowed: ClosedRange<Int>)
    /// The tokenizer's files do not describe a CLIP tokenizer.
    case invalidTokenizer(path: String, problem: String)
    /// A safetensors file breaks its format.
    case invalidWeights(path: String, problem: String)
    /// A file or folder that the model needs does not exist.
    case missingFile(path: String, remedy: String)
    /// A part's tensors are not those that its config asks for.
    case mismatchedTensors(path: String, missing: [String], misfits: [String], unused: [String])
    /// The weights lack a tensor that the config asks for.
    case missingTensor(name: String, path: String)
    /// The weights hold tensors that the config does not use.
    case unusedTensors(names: [String], path: String)
    /// A model that cannot be rendered with; what it is or lacks, and what to do, follows its path in a sentence.
    case unsuitableModel(path: String, problem: String)
    /// A file exists but cannot be read.
    case unreadableFile(path: String, reason: String)
    /// A tensor has another shape than the config asks for.
    case wrongShape(name: String, path: String, expected: [Int], found: [Int])
    /// A tensor holds numbers of a type that is of no use where it stands.
    case wrongType(name: String, path: String, expected: String, found: String)
    /// The device does not take attention heads of so many channels.
    case headTooWide(channels: Int, widest: Int)
    /// A call of the device's library failed with its own status.
    case library(call: String, status: Int)
    /// A side of the picture is not a multiple of what the autoencoder scales by.
    case invalidSize(width: Int, height: Int, multiple: Int)
    /// The picture holds infinities or no numbers at all.
    case notFinite
    case outOfMemory(bytes: Int)
    /// Rendering a picture of that size would take more memory than it may, in bytes.
    case overBudget(width: Int, height: Int, needed: Int, budget: Int)
    /// A model of a kind that cannot make pictures of texts alone, or of an architecture that is not there.
    case unsupportedModel(path: String, UnsupportedModel)
    /// The tokenizer gave an id that the text encoder has no embedding for.
    case unknownToken(Int, vocabulary: Int)
    /// Noise was to be predicted where there is nothing else.
    case unusablePrediction(sampler: String)
}

extension DiffusionError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidConfig(let path, let key, let problem):
            "\(path): the key \"\(key)\" \(problem); get the file again, or take another model."
        case .invalidClipSkip(let skip, let greatest):
            "The text encoder cannot leave out its last \(skip) layers; choose between 0 and \(greatest)."
        case .invalidSteps(let steps, let allowed):
            "\(steps) steps are not possible; choose between \(allowed.lowerBound) and \(allowed.upperBound)."
        case .invalidTokenizer(let path, let problem):
            "\(path) is not the file of a CLIP tokenizer: \(problem); get the model's tokenizer folder again."
        case .invalidWeights(let path, let problem):
            "\(path) is not a sound safetensors file: \(problem); download or export it again."
        case .missingFile(let path, let remedy):
            "\(path) does not exist; \(remedy)."
        case .mismatchedTensors(let path, let missing, let misfits, let unused):
            "\(path) does not hold what \(Self.demand(of: path)): "
                + [("missing", missing), ("of another shape or type", misfits), ("not used", unused)]
                .filter { !$0.1.isEmpty }.map { "\($0.1.count) \($0.0) (\(Self.sample(of: $0.1)))" }
                .joined(separator: ", ")
                + (Self.isSingle(path) ? "; download it again." : "; check that both belong together.")
        case .missingTensor(let name, let path):
            "\(path) has no tensor \"\(name)\", which \(Self.demand(of: path)); "
                + (Self.isSingle(path) ? "download it again." : "check that both belong together.")
        case .unusedTensors(let names, let path):
            "\(path) holds tensors that its config.json does not use, \(names.count) in all "
                + "(\(Self.sample(of: names))); check that both belong together."
        case .unsuitableModel(let path, let problem):
            "\(path) \(problem)."
        case .unreadableFile(let path, let reason):
            "\(path) cannot be read: \(reason); check who may use it, and the disk."
        case .wrongShape(let name, let path, let expected, let found):
            "\(path): the tensor \"\(name)\" has the shape \(found), but config.json asks for \(expected); "
                + "check that both belong together."
        case .wrongType(let name, let path, let expected, let found):
            "\(path): the tensor \"\(name)\" is stored as \(found), not as \(expected); convert the file."
        case .headTooWide(let channels, let widest):
            "The model has attention heads of \(channels) channels, but this device takes at most \(widest); use another one."
        case .library(let call, let status):
            "oneDNN's \(call) failed with status \(status); run `tmdne doctor` to see whether this machine is supported."
        case .invalidSize(let width, let height, let multiple):
            "The model cannot draw \(width)x\(height) pixels; both sides must be positive multiples of \(multiple)."
        case .notFinite:
            "The model's picture is not made of finite numbers; check its weights, or lower the guidance."
        case .outOfMemory(let bytes):
            "There is no memory for \(bytes / 1_048_576 + 1) MiB more; render a smaller size, or close other programs."
        case .unsupportedModel(let path, let model):
            "\(path) is \(model.rawValue), which is not supported; take a text-to-image model of Stable Diffusion 1, 2 or XL."
        case .overBudget(let width, let height, let needed, let budget):
            "A picture of \(width)x\(height) pixels takes \(Self.gigabytes(needed)) of memory at least with this model, but "
                + "\(Self.gigabytes(budget)) are allowed; render a smaller size, take a smaller model, or allow more memory."
        case .unknownToken(let token, let vocabulary):
            "The tokenizer gave the id \(token), but the text encoder knows \(vocabulary) tokens; "
                + "check that both belong together."
        case .unusablePrediction(let sampler):
            "\(sampler) cannot begin at noise that leaves no signal with a model that predicts noise; take the zero "
                + "terminal signal-to-noise ratio off, or say what the model predicts."
        }
    }

    /// Whether a model or a part of one is a file that carries no configuration, but tells it by its other tensors.
    private static func isSingle(_ path: String) -> Bool { path.hasSuffix(".safetensors") }

    private static func demand(of path: String) -> String {
        isSingle(path) ? "its other tensors ask for" : "its config.json asks for"
    }

    private static func gigabytes(_ bytes: Int) -> String {
        let tenths = (bytes + 99_999_999) / 100_000_000
        return "\(tenths / 10).\(tenths % 10) GB"
    }

    /// The first names of a list, enough to recognise what they are about.
    static func sample(of names: [String]) -> String {
        names.prefix(3).joined(separator: ", ") + (names.count > 3 ? ", …" : "")
    }
}
