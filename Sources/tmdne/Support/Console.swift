import Foundation

/// Standard output and standard error, line by line.
enum Console {
    /// Prints a line of the result.
    static func print(_ line: String) {
        write(line + "\n", to: FileHandle.standardOutput)
    }

    /// Prints a line about the work, where it does not mix with results.
    static func note(_ line: String) {
        write(line + "\n", to: FileHandle.standardError)
    }

    /// Writes over the current line of a terminal.
    static func rewrite(_ line: String) {
        write("\r\u{1B}[2K\(line)", to: FileHandle.standardError)
    }

    /// Writes lines over those that were written before, cut to the terminal's size.
    ///
    /// - Parameters:
    ///   - lines: What is to be seen.
    ///   - previous: How many lines the last call has written.
    /// - Returns: How many this one has.
    static func redraw(_ lines: [String], over previous: Int) -> Int {
        var size = winsize()
        let isKnown = ioctl(FileHandle.standardError.fileDescriptor, UInt(TIOCGWINSZ), &size) == 0
        // A terminal may not know its own size, and say 0.
        let (rows, columns) =
            isKnown && size.ws_row > 0 && size.ws_col > 0 ? (Int(size.ws_row), Int(size.ws_col)) : (24, 80)
        var shown = lines.map { String($0.prefix(max(columns - 1, 1))) }
        if shown.count >= rows, rows > 2 { shown = shown.prefix(rows - 2) + ["  …"] }
        let up = previous > 0 ? "\u{1B}[\(previous)A" : ""
        write("\(up)\r\u{1B}[J\(shown.joined(separator: "\n"))\n", to: FileHandle.standardError)
        return shown.count
    }

    /// Whether a person sees standard error as it is written.
    static let isTerminal = isatty(FileHandle.standardError.fileDescriptor) == 1

    /// Prints a value as JSON, keys in order, one value a line unless `isPretty`.
    static func print(json value: some Encodable, isPretty: Bool = true) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = isPretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    /// A closed pipe (`| head`) ends output, not the sweep.
    private static func write(_ text: String, to handle: FileHandle) {
        try? handle.write(contentsOf: Data(text.utf8))
    }
}
