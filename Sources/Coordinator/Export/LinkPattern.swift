import Foundation
import SharedModel

/// A pattern of file names such as `{prompt}/{style}/g{guidance}.png`.
///
/// What is filled in comes from a sweep file and so from anybody: it can't leave the folder, hide itself, or be longer than
/// a file name may be.
package struct LinkPattern: Equatable, Sendable {
    private enum Part: Equatable {
        case text(String)
        case field(String)
    }

    /// Bytes of a value that are kept; a name of several fields then still fits into the 255 that file systems take.
    private static let longestValue = 100
    /// Bytes of one name between slashes.
    private static let longestName = 200
    private static let fields: [String] = GridAxis.allCases.map(\.rawValue) + ["n", "position", "cell", "verdict"]

    private let parts: [Part]

    /// - Throws: ``CoordinatorError/option(name:value:wanted:)`` for a field that is not known, an unclosed brace, or a
    ///   pattern that leads out of the folder.
    package init(_ text: String) throws(CoordinatorError) {
        let refused = { (wanted: String) in CoordinatorError.option(name: "--name", value: text, wanted: wanted) }
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open != rest.startIndex { parts.append(.text(String(rest[..<open]))) }
            guard let close = rest[open...].firstIndex(of: "}") else { throw refused("a pattern with a } for each {") }
            let name = String(rest[rest.index(after: open)..<close])
            guard Self.fields.contains(name) else {
                throw refused("fields among " + Self.fields.map { "{\($0)}" }.joined(separator: ", "))
            }
            parts.append(.field(name))
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        let literal = text.split(separator: "/", omittingEmptySubsequences: false)
        guard !text.isEmpty, !literal.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }), !text.contains("\0")
        else {
            throw refused("a path inside the folder, such as {prompt}/{style}/g{guidance}.png")
        }
        self.parts = parts
    }

    /// The path of a position's link inside the folder; `number` counts the links from 1.
    func path(of row: GridRow, number: Int) -> String {
        let path = parts.map { part in
            switch part {
            case .text(let text): text
            case .field(let name): Self.safe(Self.value(name, row, number), mostBytes: Self.longestValue)
            }
        }.joined()
        return path.split(separator: "/").map { name in
            let name = Self.shortened(String(name), mostBytes: Self.longestName)
            return name.hasPrefix(".") ? "_" + name.dropFirst() : name
        }.joined(separator: "/")
    }

    private static func value(_ name: String, _ row: GridRow, _ number: Int) -> String {
        if let axis = GridAxis(rawValue: name) { return axis.value(of: row) }
        switch name {
        case "n": return "\(number)"
        case "position": return "\(row.position)"
        case "cell": return row.cell.hex
        default: return row.verdict ?? "unjudged"
        }
    }

    /// One name's worth of a value: no slashes, no control characters, none that Windows refuses, no spaces at the ends.
    private static func safe(_ value: String, mostBytes: Int) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            let isRefused =
                scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                || "/\\:*?\"<>|".unicodeScalars.contains(scalar)
            // Runs of spaces can't be told apart in a listing.
            if isRefused || scalar == " " {
                if !text.hasSuffix("_") && !text.hasSuffix(" ") { text += isRefused ? "_" : " " }
            } else {
                text.unicodeScalars.append(scalar)
            }
        }
        let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: " ."))
        return shortened(trimmed.isEmpty ? "_" : trimmed, mostBytes: mostBytes)
    }

    /// Cuts whole characters, and keeps what stands after the last dot of a short extension.
    private static func shortened(_ text: String, mostBytes: Int) -> String {
        guard text.utf8.count > mostBytes else { return text }
        let ending = text.lastIndex(of: ".").map { text[$0...] }.flatMap { $0.utf8.count <= 6 ? $0 : nil } ?? ""
        var kept = ""
        for character in text {
            guard kept.utf8.count + String(character).utf8.count + ending.utf8.count <= mostBytes else { break }
            kept.append(character)
        }
        return kept + ending
    }
}
