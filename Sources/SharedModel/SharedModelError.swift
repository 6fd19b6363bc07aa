/// What can be wrong with the files and names that people hand to the program; each describes itself in one sentence.
package enum SharedModelError: Error, Equatable, Sendable {
    /// A sweep file that says something that cannot be done.
    ///
    /// - Parameter line: The line in the file, from 1, where one is to blame.
    case sweep(file: String, line: Int?, problem: SweepProblem)
    /// A style file that is not a list of styles.
    case styles(file: String, problem: String)
    /// A file that cannot be read.
    case unreadable(path: String, reason: String)
    /// A file that is longer than anything of its kind has reason to be.
    case tooLong(path: String, limit: Int)
    /// A model that is in none of the places where models are looked for.
    case modelNotFound(name: String, places: [String])
    /// Models of the right name, none of which has the right content.
    case modelDiffers(name: String, fingerprint: String, places: [String])
    /// A folder or a file that is not a model.
    case notAModel(path: String, problem: String)
    /// The metadata of an image that cannot be understood.
    case metadata(problem: String)
}

extension SharedModelError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .sweep(let file, let line?, let problem):
            "\(file):\(line): \(problem)"
        case .sweep(let file, nil, let problem):
            "\(file): \(problem)"
        case .styles(let file, let problem):
            "\(file): \(problem)"
        case .unreadable(let path, let reason):
            "\(path) cannot be read: \(reason); check the path"
        case .tooLong(let path, let limit):
            "\(path) is longer than \(limit >> 20) MiB, so it is hardly the file that was meant; check the path"
        case .modelNotFound(let name, let places):
            "there is no \(quoted(name)) in \(places.joined(separator: ", ")); write the path of a diffusers folder or a "
                + ".safetensors file, or set TMDNE_MODELS to the folder that holds it"
        case .modelDiffers(let name, let fingerprint, let places):
            "the model \(quoted(name)) here (\(places.joined(separator: ", "))) is not the sweep's, whose fingerprint "
                + "begins with \(fingerprint.prefix(10)); copy the coordinator's model to this host"
        case .notAModel(let path, let problem):
            "\(path) is not a model: \(problem)"
        case .metadata(let problem):
            "the image's tmdne metadata cannot be used: \(problem)"
        }
    }
}

/// A person's text as an error may show it: on one line, printable, cut where it is long.
func quoted(_ text: String) -> String {
    "'\(WireText.line(text, longest: 60))'"
}
