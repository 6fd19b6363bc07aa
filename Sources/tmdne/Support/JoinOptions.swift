import ArgumentParser
import Foundation
import SharedModel

/// How a join token reaches a command without every user of the machine reading it.
struct JoinOptions: ParsableArguments {
    /// No token file is longer.
    private static let longest = 64 * 1024

    @Option(help: "File that holds the join token, readable by you alone.")
    var joinFile: String?

    /// The token of `argument`, of the file, or of the environment.
    ///
    /// - Parameter argument: The token; `-` reads standard input.
    /// - Returns: The token, taken apart.
    /// - Throws: `ExitCode.validationFailure`, after it has said what is wrong with the token.
    func token(_ argument: String?) throws -> JoinToken {
        let text = try text(argument)
        do {
            return try JoinToken(parsing: text)
        } catch {
            Console.note("Error: \(error)")
            throw ExitCode.validationFailure
        }
    }

    /// Whether there is a token besides an argument.
    var isGiven: Bool { joinFile != nil || Self.environment != nil }

    private static var environment: String? { ProcessInfo.processInfo.environment["TMDNE_JOIN"] }

    private func text(_ argument: String?) throws -> String {
        if let joinFile {
            guard argument == nil else { throw ValidationError("Give the join token or --join-file, not both.") }
            return try contents(of: joinFile)
        }
        if argument == "-" { return readLine() ?? "" }
        guard let text = argument ?? Self.environment else {
            throw ValidationError(
                "Give the join token that the coordinator printed, or --join-file, or set TMDNE_JOIN.")
        }
        return text
    }

    private func contents(of path: String) throws -> String {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        // A pipe of the shell is nobody else's to read.
        if attributes?[.type] as? FileAttributeType == .typeRegular {
            guard let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 == 0 else {
                throw ValidationError("\(path) holds a secret but others may read it; run chmod 600 on it.")
            }
        }
        guard let file = FileHandle(forReadingAtPath: path),
            let data = try? file.read(upToCount: Self.longest), let text = String(data: data, encoding: .utf8)
        else {
            throw ValidationError("\(path) can't be read as a file with a join token; check its name and its owner.")
        }
        return text
    }
}
