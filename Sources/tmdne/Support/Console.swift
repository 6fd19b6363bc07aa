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
