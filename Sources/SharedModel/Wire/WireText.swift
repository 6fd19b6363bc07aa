/// What text from the other side may look like, and how our own is made to look so.
package enum WireText {
    /// Whether `text` is short enough and holds nothing that could forge a line of a log or move a terminal's cursor.
    package static func isPrintable(_ text: String, longest bytes: Int) -> Bool {
        text.utf8.count <= bytes && text.unicodeScalars.allSatisfy(isPrintable)
    }

    /// `text` as one printable line that fits in `bytes` bytes of UTF-8; what is cut off is marked by an ellipsis.
    package static func line(_ text: String, longest bytes: Int = WireLimits.reasonBytes) -> String {
        if isPrintable(text, longest: bytes) { return text }
        var line = ""
        for character in text {
            let printable = character.unicodeScalars.allSatisfy(isPrintable) ? String(character) : " "
            guard line.utf8.count + printable.utf8.count <= bytes - 3 else { return line + "…" }
            line += printable
        }
        return line
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
