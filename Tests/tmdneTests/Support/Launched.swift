import Foundation
import Testing

/// A process of the built program, its output in files.
final class Launched {
    /// What the program was asked for: `worker`, `run`.
    let command: String
    private let process: Process
    private let output: String
    private let errors: String

    /// Starts the program, behind the words of `wrapper` where there are any: `strace …`, `ip netns exec …`.
    /// A variable with an empty value is taken out of its environment.
    init(
        _ arguments: [String], in sandbox: Sandbox, environment: [String: String], wrapper: [String] = [], number: Int
    ) throws {
        command = arguments.first ?? ""
        output = try sandbox.write("logs/\(number).out", "")
        errors = try sandbox.write("logs/\(number).err", "")
        process = Process()
        let words = try wrapper + [Self.program()] + arguments
        process.executableURL = URL(filePath: wrapper.isEmpty ? words[0] : "/usr/bin/env")
        process.arguments = wrapper.isEmpty ? arguments : words
        process.currentDirectoryURL = URL(filePath: sandbox.path)
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            .filter { !$0.value.isEmpty }
        process.standardInput = FileHandle.nullDevice
        let files = try [output, errors].map { try FileHandle(forWritingTo: URL(filePath: $0)) }
        process.standardOutput = files[0]
        process.standardError = files[1]
        try process.run()
        // Foundation keeps a process that nobody waits for, and its handles: two descriptors for each.
        for file in files { try file.close() }
    }

    /// The program stands beside the bundle of the tests, where one build puts both.
    static func program() throws -> String {
        let bundle = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = URL(filePath: bundle).deletingLastPathComponent().appending(path: "tmdne").path
        try #require(
            FileManager.default.isExecutableFile(atPath: path), "\(path) is missing; `swift build` it with the tests")
        return path
    }

    var isRunning: Bool { process.isRunning }

    var isWorker: Bool { command == "worker" }

    var identifier: Int32 { process.processIdentifier }

    /// What `ps` and `pgrep` call the process.
    var name: String {
        Self.contents(of: "/proc/\(process.processIdentifier)/comm").trimmingCharacters(in: .newlines)
    }

    /// All of standard output so far.
    var text: String { Self.contents(of: output) }

    /// All of standard error so far.
    var complaints: String { Self.contents(of: errors) }

    private static func contents(of path: String) -> String {
        (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    }

    /// Sends a signal; nothing happens when the process has ended.
    func signal(_ number: Int32) {
        guard process.isRunning else { return }
        kill(process.processIdentifier, number)
    }

    /// Waits for the end.
    ///
    /// - Returns: The exit code, or the signal's number below zero.
    func end(within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> Int32
    {
        try await eventually(
            "the process ends, which printed: \(text)\(complaints)", within: limit, sourceLocation: sourceLocation
        ) { process.isRunning ? nil : () }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}

/// Asks again and again until there is an answer, since processes tell nobody when their files have changed.
func eventually<Answer>(
    _ what: @autoclosure () -> String, within limit: Duration = .seconds(60), every pause: Duration = .milliseconds(5),
    sourceLocation: SourceLocation = #_sourceLocation, _ answer: () throws -> Answer?
) async throws -> Answer {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if let answer = try answer() { return answer }
        try await Task.sleep(for: pause)
    }
    return try #require(try answer(), "not within \(limit): \(what())", sourceLocation: sourceLocation)
}
