import Foundation
import Yams

/// The YAML of a sweep file: known keys, each once, with their values and the lines where they stand.
struct SweepDocument {
    let file: String
    /// The file byte for byte.
    let text: String
    private let entries: [Sweep.Key: Node]

    /// One value of an axis.
    enum Item {
        case scalar(Scalar)
        /// A mapping of plain values to plain values.
        case range([String: String], line: Int?)
        /// A list inside a list, of plain values and such mappings.
        case list([Item], line: Int?)
        case other(line: Int?)

        var line: Int? {
            switch self {
            case .scalar(let scalar): scalar.line
            case .range(_, let line), .list(_, let line), .other(let line): line
            }
        }
    }

    /// A plain value as its characters stand in the file; YAML's own ideas of types are not asked.
    struct Scalar {
        let text: String
        /// Whether nothing stands there at all, not even quotes.
        let isBlank: Bool
        let line: Int?
    }

    /// - Parameters:
    ///   - bytes: The file's content.
    ///   - file: The path that errors name.
    /// - Throws: The first thing that is wrong, with its line where one is known.
    init(bytes: [UInt8], file: String) throws(SharedModelError) {
        guard bytes.count <= Sweep.maximumFileBytes else {
            throw .tooLong(path: file, limit: Sweep.maximumFileBytes)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .sweep(file: file, line: nil, problem: .notText)
        }
        self.file = file
        self.text = text
        try Self.refuseControlCharacters(in: bytes, file: file)
        guard YAMLAliases(in: bytes).expansionIsBounded else {
            throw .sweep(file: file, line: nil, problem: .aliasesExpandTooFar)
        }
        entries = try Self.entries(of: Self.parse(text, file: file), file: file)
    }

    /// The values of a key, one or a list of them; `nil` when the file does not have the key.
    func items(_ key: Sweep.Key) throws(SharedModelError) -> [Item]? {
        guard let node = entries[key] else { return nil }
        guard case .sequence(let sequence) = node else { return [Self.item(node)] }
        guard !sequence.isEmpty else { throw error(.empty(key: key.rawValue), at: sequence.mark?.line) }
        return sequence.map { Self.item($0) }
    }

    func error(_ problem: SweepProblem, at line: Int?) -> SharedModelError {
        .sweep(file: file, line: line, problem: problem)
    }

    /// Inside a list, no key has another one.
    private static func item(_ node: Node, isInList: Bool = false) -> Item {
        switch node {
        case .scalar(let scalar):
            let isBlank = scalar.style == .plain && scalar.string.isEmpty
            return .scalar(Scalar(text: scalar.string, isBlank: isBlank, line: scalar.mark?.line))
        case .mapping(let mapping):
            var parts: [String: String] = [:]
            for (key, value) in mapping {
                guard case .scalar(let name) = key, case .scalar(let content) = value else {
                    return .other(line: mapping.mark?.line)
                }
                parts[name.string] = content.string
            }
            return .range(parts, line: mapping.mark?.line)
        case .sequence(let sequence):
            guard !isInList else { return .other(line: sequence.mark?.line) }
            return .list(sequence.map { item($0, isInList: true) }, line: sequence.mark?.line)
        case .alias(let alias):
            return .other(line: alias.mark?.line)
        }
    }

    private static func entries(of root: Node.Mapping, file: String) throws(SharedModelError) -> [Sweep.Key: Node] {
        var entries: [Sweep.Key: Node] = [:]
        for (name, value) in root {
            let text = name.scalar?.string ?? "[…]"
            guard let key = Sweep.Key(rawValue: text) else {
                let names = Sweep.Key.allCases.map(\.rawValue)
                let nearest = Nearest.match(for: text, among: names)
                throw .sweep(
                    file: file, line: name.mark?.line, problem: .unknownKey(text, nearest: nearest, all: names))
            }
            entries[key] = value
        }
        return entries
    }

    private static func parse(_ text: String, file: String) throws(SharedModelError) -> Node.Mapping {
        do {
            // The basic resolver keeps every scalar the text that it is; the encoding is given because Yams would
            // otherwise take it from the environment.
            let hasByteOrderMark = text.unicodeScalars.first == "\u{FEFF}"
            let yaml = hasByteOrderMark ? String(text.unicodeScalars.dropFirst()) : text
            let root = try Yams.compose(yaml: yaml, .basic, .default, .utf8)
            guard case .mapping(let mapping) = root else {
                throw SharedModelError.sweep(file: file, line: root?.mark?.line, problem: .notAMapping)
            }
            return mapping
        } catch let error as SharedModelError {
            throw error
        } catch let error as YamlError {
            throw explain(error, file: file)
        } catch {
            throw .sweep(file: file, line: nil, problem: .notYAML("\(error)"))
        }
    }

    private static func explain(_ error: YamlError, file: String) -> SharedModelError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            .sweep(
                file: file, line: mark.line,
                problem: .notYAML([context?.text, problem].compactMap(\.self).joined(separator: ", ")))
        case .duplicatedKeysInMapping(let keys, let context):
            .sweep(file: file, line: context.mark.line, problem: .duplicateKey(keys.first ?? ""))
        case .reader(let problem, _, _, _), .writer(let problem), .emitter(let problem), .representer(let problem):
            .sweep(file: file, line: nil, problem: .notYAML(problem))
        case .no, .memory, .dataCouldNotBeDecoded:
            .sweep(file: file, line: nil, problem: .notYAML("the parser gave up"))
        }
    }

    private static func refuseControlCharacters(in bytes: [UInt8], file: String) throws(SharedModelError) {
        var line = 1
        for byte in bytes {
            switch byte {
            case 0x0A: line += 1
            case 0x09, 0x0D: continue
            case ..<0x20, 0x7F: throw .sweep(file: file, line: line, problem: .controlCharacter(byte))
            default: continue
            }
        }
    }
}
