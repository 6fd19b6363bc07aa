package import SharedModel

/// What one auditor says of one image.
package struct Opinion: Codable, Equatable, Sendable {
    /// Whether the image is shown or thrown out.
    package enum Verdict: String, CaseIterable, Codable, Sendable {
        case keep
        case reject
    }

    /// Longest name of an auditor, in characters.
    package static let longestAuditor = 64
    /// Longest note, in characters.
    package static let longestNote = 2000

    package var cell: CellKey
    package var auditor: String
    package var verdict: Verdict
    package var tags: [FlawTag]
    package var note: String

    package init(cell: CellKey, auditor: String, verdict: Verdict, tags: [FlawTag] = [], note: String = "") {
        self.cell = cell
        self.auditor = auditor
        self.verdict = verdict
        self.tags = tags
        self.note = note
    }
}
