package import Foundation

/// The formats in which a sweep leaves its database, one line a position in grid order.
///
/// Lines are handed on in pieces of some 64 KiB, so that a sweep of a million positions takes no more memory than a
/// small one. What `write` throws ends the export.
package enum Export {
    private static let pieceBytes = 64 * 1024

    /// Writes one JSON object a line, with the keys of ``GridRow`` sorted and null for what is not known yet.
    ///
    /// - Throws: ``CoordinatorError`` when the database can't be read, and whatever `write` throws.
    package static func jsonl(_ reader: SweepReader, write: (Data) throws -> Void) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var piece = Data()
        try reader.forEachRow { row in
            piece.append(try encoder.encode(row))
            piece.append(UInt8(ascii: "\n"))
            try flush(&piece, ifLongerThan: pieceBytes, write)
        }
        try flush(&piece, ifLongerThan: 0, write)
    }

    /// Writes a header and one record a position as RFC 4180 has them, empty fields for what is not known yet.
    ///
    /// The columns are the keys of ``GridRow`` in its order, `measures` as its five numbers,
    /// `reading` as its two parts and `timings` as its six parts in seconds.
    ///
    /// - Throws: ``CoordinatorError`` when the database can't be read, and whatever `write` throws.
    package static func csv(_ reader: SweepReader, write: (Data) throws -> Void) throws {
        var piece = Data(CSVRecord.header.line.utf8)
        try reader.forEachRow { row in
            piece.append(contentsOf: CSVRecord(row).line.utf8)
            try flush(&piece, ifLongerThan: pieceBytes, write)
        }
        try flush(&piece, ifLongerThan: 0, write)
    }

    private static func flush(
        _ piece: inout Data, ifLongerThan bytes: Int, _ write: (Data) throws -> Void
    ) throws {
        guard piece.count > bytes else { return }
        try write(piece)
        piece.removeAll(keepingCapacity: true)
    }
}
