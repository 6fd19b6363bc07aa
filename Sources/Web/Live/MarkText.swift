import Coordinator

/// How one position stands in the few letters that pages get: they may be asked for a million of them.
struct MarkText: Encodable, Equatable, Sendable {
    /// `p`ending, `l`eased, `d`one or `f`ailed.
    let state: String
    /// The first digits of the image's SHA-256: another image, another address. Empty where there is none.
    let image: String
    /// `k`ept, `r`ejected, disputed (`x`), or `-` while nobody has judged.
    let verdict: String

    init(_ mark: PositionMark) {
        state = String(mark.state.rawValue.prefix(1))
        image = String((mark.sha256 ?? "").prefix(8))
        verdict =
            switch mark.verdict {
            case "keep": "k"
            case "reject": "r"
            case nil: "-"
            default: "x"
            }
    }
}

/// A position that changed: `[position, state, image, verdict]`.
struct MarkChange: Encodable, Equatable, Sendable {
    let position: Int
    let mark: MarkText

    func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(position)
        try container.encode(mark.state)
        try container.encode(mark.image)
        try container.encode(mark.verdict)
    }

    /// What differs between two looks at the grid.
    static func between(_ old: [PositionMark], _ new: [PositionMark]) -> [MarkChange] {
        new.indices.compactMap { position in
            guard !old.indices.contains(position) || old[position] != new[position] else { return nil }
            return MarkChange(position: position, mark: MarkText(new[position]))
        }
    }
}

/// All marks of a grid.
struct MarkList: Encodable, Sendable {
    let revision: Int
    /// One letter a position.
    let states: String
    let images: [String]
    let verdicts: String

    init(revision: Int, _ marks: [PositionMark]) {
        let texts = marks.map(MarkText.init)
        self.revision = revision
        states = texts.map(\.state).joined()
        images = texts.map(\.image)
        verdicts = texts.map(\.verdict).joined()
    }
}
