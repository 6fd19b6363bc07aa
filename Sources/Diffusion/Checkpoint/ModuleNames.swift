/// The two names of every module of a network: diffusers' and that of the code which the model was first written in.
///
/// A pair stands for all that lies below its modules, unless a longer pair says otherwise.
struct ModuleNames: Sendable {
    typealias Pair = (diffusers: String, original: String)

    private let diffusersNames: [String: String]
    private let originalNames: [String: [String]]

    /// A module of diffusers' may have several original names, of which a model uses one.
    init(_ pairs: [Pair]) {
        diffusersNames = Dictionary(
            pairs.map { ($0.original, $0.diffusers) }, uniquingKeysWith: { first, _ in first })
        originalNames = Dictionary(grouping: pairs, by: \.diffusers).mapValues { $0.map(\.original) }
    }

    /// What diffusers calls the tensor or module that the original calls `name`, or `nil` when it knows no such thing.
    func diffusersName(of name: String) -> String? {
        Self.ancestors(of: name).firstNonNil { module in
            diffusersNames[String(module)].map { $0 + name[module.endIndex...] }
        }
    }

    /// What the original may call the tensor or module that diffusers calls `name`.
    func originalNames(of name: String) -> [String] {
        Self.ancestors(of: name).firstNonNil { module in
            originalNames[String(module)].map { $0.map { $0 + name[module.endIndex...] } }
        } ?? []
    }

    /// `a.b.c`, `a.b` and `a` for `a.b.c`.
    private static func ancestors(of name: String) -> some Sequence<Substring> {
        sequence(first: name[...]) { module in module.lastIndex(of: ".").map { module[..<$0] } }
    }
}

extension Sequence {
    /// The first result that is not `nil`; elements behind it are not looked at.
    fileprivate func firstNonNil<Result>(_ transform: (Element) -> Result?) -> Result? {
        for element in self {
            if let result = transform(element) { return result }
        }
        return nil
    }
}
