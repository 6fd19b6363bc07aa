import ArgumentParser
import Foundation
import Synchronization

/// Standard output and standard error, line by line.
enum Console {
    /// Prints a line of the result.
    static func print(_ line: String) {
        write(line + "\n", to: FileHandle.standardOutput)
    }

    /// Prints a part of a result that is too long to be had at once.
    ///
    /// - Throws: `ExitCode` when nobody reads on, or the rest can't be written either.
    static func print(part: Data) throws {
        guard !write(Array(part), to: FileHandle.standardOutput) else { return }
        throw isIncomplete.load(ordering: .relaxed) ? ExitCode.failure : ExitCode.success
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

    /// Ends the program with a failure if a part of the result could not be written.
    static func exitIfIncomplete() {
        if isIncomplete.load(ordering: .relaxed) { exit(1) }
    }

    private static let isIncomplete = Atomic(false)

    /// A closed pipe (`| head`) ends output, not the sweep, and nobody misses what it did not take.
    ///
    /// - Returns: Whether all of it is written.
    @discardableResult
    private static func write(_ bytes: [UInt8], to handle: FileHandle) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Foundation.write(handle.fileDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN {
                // A pipe that another program made non-blocking, and that is full.
                var ready = pollfd(fd: handle.fileDescriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&ready, 1, -1)
                continue
            }
            guard count >= 0 else {
                guard errno != EPIPE, handle === FileHandle.standardOutput else { return false }
                let isNews = !isIncomplete.exchange(true, ordering: .relaxed)
                if isNews { note("Error: the output could not be written: \(String(cString: strerror(errno)))") }
                return false
            }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private static func write(_ text: String, to handle: FileHandle) {
        write(Array(text.utf8), to: handle)
    }
}
