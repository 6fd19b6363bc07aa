/// What an auditor can find wrong with an image: the reasons of the audit that this program grew from.
package enum FlawTag: String, CaseIterable, Codable, Sendable {
    case fingers
    case hands
    case posture
    case face
    case garbledText = "garbled-text"
    case duplicateLimbs = "duplicate-limbs"
    case other

    /// The name that people read.
    package var title: String {
        switch self {
        case .garbledText: "garbled text or numbers"
        case .duplicateLimbs: "duplicate limbs"
        case .fingers, .hands, .posture, .face, .other: rawValue
        }
    }

    /// As the database holds them: in the order of the cases, each once, parted by commas.
    static func text(_ tags: [FlawTag]) -> String {
        allCases.filter(tags.contains).map(\.rawValue).joined(separator: ",")
    }

    /// The tags of a text; names that no version knew are passed over.
    static func list(_ text: String) -> [FlawTag] {
        let names = Set(text.split(separator: ",").map(String.init))
        return allCases.filter { names.contains($0.rawValue) }
    }
}
