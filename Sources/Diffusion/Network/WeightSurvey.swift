/// What is wrong with the tensors of a part of a model, told all at once.
final class WeightSurvey {
    private var missing: [String] = []
    private var misfits: [String] = []
    /// The names of misfits, which are not unused.
    private var refused: Set<String> = []
    private var unused: [String] = []

    /// Takes down what one tensor's error says.
    func note(_ error: DiffusionError) {
        switch error {
        case .missingTensor(let name, _): missing.append(name)
        case .unusedTensors(let names, _): unused += names
        case .wrongShape(let name, _, let expected, let found):
            refused.insert(name)
            misfits.append("\(name): \(found) instead of \(expected)")
        case .wrongType(let name, _, let expected, let found):
            refused.insert(name)
            misfits.append("\(name): \(found) instead of \(expected)")
        default: misfits.append("\(error)")
        }
    }

    /// Throws what was found of the part at `path`.
    ///
    /// - Throws: ``DiffusionError/mismatchedTensors(path:missing:misfits:unused:)``.
    func report(path: String) throws(DiffusionError) {
        let unused = unused.filter { !refused.contains($0) }
        guard !missing.isEmpty || !misfits.isEmpty || !unused.isEmpty else { return }
        throw .mismatchedTensors(path: path, missing: missing, misfits: misfits, unused: unused)
    }
}
