import Crypto
package import Foundation

extension Cell {
    /// The cell as JSON in its one canonical form, in UTF-8.
    ///
    /// Keys in alphabetical order, no white space, texts escaped no more than JSON demands (`\"`, `\\`, the short
    /// escapes, `\u00xx` for other control characters), numbers without trailing zeros, no options that are not set.
    package var canonicalJSON: [UInt8] {
        CanonicalRow(of: self).json(guidance: Array(guidance.canonicalText.utf8))
    }

    /// SHA-256 of the canonical JSON.
    package var key: CellKey {
        CanonicalRow(of: self).key(guidance: Array(guidance.canonicalText.utf8))
    }
}

/// The canonical JSON of cells that differ in guidance alone: what stands before the number and what stands after it.
///
/// Planning hashes every cell, so the long texts are escaped once a row.
struct CanonicalRow {
    private let head: [UInt8]
    private let tail: [UInt8]

    /// - Parameter cell: Any cell of the row; its guidance is not looked at.
    init(of cell: Cell) {
        var head = Array(#"{"fingerprint":"#.utf8)
        head.appendJSONString(cell.fingerprint)
        head += #","guidance":"#.utf8
        self.head = head
        var tail = Array(#","height":\#(cell.height),"negativePrompt":"#.utf8)
        tail.appendJSONString(cell.negativePrompt)
        if !cell.options.isDefault {
            tail += #","options":"#.utf8
            tail += cell.options.canonicalJSON
        }
        tail += #","prompt":"#.utf8
        tail.appendJSONString(cell.prompt)
        tail += #","sampler":"#.utf8
        tail.appendJSONString(cell.sampler.rawValue)
        tail += #","seed":\#(cell.seed),"steps":\#(cell.steps),"width":\#(cell.width)}"#.utf8
        self.tail = tail
    }

    /// The canonical JSON of the row's cell with this guidance, a canonical decimal in ASCII.
    func json(guidance: [UInt8]) -> [UInt8] {
        head + guidance + tail
    }

    /// The key of the row's cell with this guidance, a canonical decimal in ASCII.
    func key(guidance: [UInt8]) -> CellKey {
        CellKey(SHA256.hash(data: json(guidance: guidance)))
    }
}

extension Decimal {
    /// The number in digits, without exponent, trailing zeros or a bare point: 5, 5.0 and 5.00 are all `5`.
    package var canonicalText: String { description }
}
