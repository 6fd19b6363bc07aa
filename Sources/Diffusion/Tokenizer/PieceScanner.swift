/// Splits normalised text into the pieces that byte pairs are merged within.
///
/// CLIP's rule, alternatives in this order, and what lies between is dropped:
///
///     <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
///
/// followed by GPT-2's rule, which only splits the first two alternatives again, into two signs, a word and two signs.
struct PieceScanner: Sequence, IteratorProtocol {
    private static let markers = ["<|startoftext|>", "<|endoftext|>"].map { Array($0.unicodeScalars) }
    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }

    private let scalars: [Unicode.Scalar]
    private var position = 0
    /// The end of the marker that is being split, at which a run of signs stops.
    private var markerEnd = 0

    init(_ scalars: [Unicode.Scalar]) {
        self.scalars = scalars
    }

    mutating func next() -> ArraySlice<Unicode.Scalar>? {
        while position < scalars.count, scalars[position].properties.isWhitespace { position += 1 }
        guard position < scalars.count else { return nil }
        let start = position
        if let marker = prefix(among: Self.markers) {
            markerEnd = start + marker.count
            position += 2
        } else if let contraction = prefix(among: Self.contractions) {
            position += contraction.count
        } else {
            let kind = Kind(scalars[start])
            position += 1
            while position < scalars.count, position != markerEnd, kind.continues, Kind(scalars[position]) == kind {
                position += 1
            }
        }
        return scalars[start..<position]
    }

    private func prefix(among candidates: [[Unicode.Scalar]]) -> [Unicode.Scalar]? {
        candidates.first { scalars[position...].starts(with: $0) }
    }

    private enum Kind {
        case letter
        case number
        case sign
        case space

        init(_ scalar: Unicode.Scalar) {
            switch scalar.properties.generalCategory {
            case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: self = .letter
            case .decimalNumber, .letterNumber, .otherNumber: self = .number
            default: self = scalar.properties.isWhitespace ? .space : .sign
            }
        }

        /// Whether a piece of this kind is a run: every number is a piece of its own.
        var continues: Bool { self == .letter || self == .sign }
    }
}
