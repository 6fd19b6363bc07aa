import ArgumentParser
import Coordinator
import Foundation
import Logging
import SharedModel

/// Options of the commands that run for long.
struct LogOptions: ParsableArguments {
    @Flag(name: .shortAndLong, help: "Tells what happens on standard error.")
    var verbose = false

    /// A logger to standard error: warnings, and with --verbose all that is worth knowing.
    func logger(_ label: String) -> Logger {
        var logger = Logger(label: label) { StreamLogHandler.standardError(label: $0) }
        logger.logLevel = verbose ? .info : .warning
        return logger
    }
}

/// Where a coordinator listens: `HOST:PORT`.
struct ListenAddress: ExpressibleByArgument {
    static let defaultPort = 7707

    var host = "127.0.0.1"
    var port = defaultPort

    init() {}

    /// Accepts `HOST:PORT`, `HOST`, `:PORT` and `[IPv6]:PORT`.
    init?(argument: String) {
        self.init(argument, defaultPort: Self.defaultPort)
    }

    /// As `init(argument:)`, with another port for a text that names none.
    init?(_ argument: String, defaultPort: Int) {
        port = defaultPort
        var text = argument[...]
        if text.first == "[", let end = text.firstIndex(of: "]") {
            host = String(text[text.index(after: text.startIndex)..<end])
            text = text[text.index(after: end)...]
        } else if let colon = text.lastIndex(of: ":") {
            // An IPv6 address without brackets: where it ends and the port begins can't be told.
            guard text.firstIndex(of: ":") == colon else { return nil }
            if colon != text.startIndex { host = String(text[..<colon]) }
            text = text[colon...]
        } else {
            host = String(text)
            text = ""
        }
        guard !text.isEmpty else { return }
        guard text.first == ":", let port = Int(text.dropFirst()), (0...65535).contains(port) else { return nil }
        self.port = port
    }

    var defaultValueDescription: String { "\(host):\(port)" }
}

/// A directory, as it was named. An empty text, as a script's unset variable leaves it, names none.
struct DirectoryArgument: ExpressibleByArgument, CustomStringConvertible {
    let description: String

    init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        description = argument
    }

    /// The directory as that of a sweep.
    var sweep: SweepDirectory { SweepDirectory(URL(filePath: description)) }
}

extension SweepDirectory {
    /// The directory of a sweep: `output`, or one named after the sweep beside the caller.
    ///
    /// - Throws: `ValidationError` when `output` is empty.
    init(output: String?, sweep name: String) throws {
        guard output != "" else { throw ValidationError("--output is empty; name a directory.") }
        let fallback = name.replacing("/", with: "-")
        self.init(URL(filePath: output ?? (fallback.hasPrefix(".") ? "sweep-\(fallback)" : fallback)))
    }
}
