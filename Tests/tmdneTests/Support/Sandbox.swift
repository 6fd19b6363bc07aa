import Foundation
import Testing

/// A directory of a test's own, and the processes that it started in it.
final class Sandbox {
    let path: String
    private(set) var launched: [Launched] = []

    private init() throws {
        // As the kernel knows it, for who looks for processes in it.
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath()
        path = folder.appending(path: "tmdne-e2e-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Lends a new sandbox to `body`, and leaves neither a process nor a file of it behind.
    static func with(_ body: (Sandbox) async throws -> Void) async throws {
        let sandbox = try Sandbox()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(sandbox))
        } catch {
            result = .failure(error)
        }
        for process in sandbox.launched {
            process.signal(SIGKILL)
            _ = try await process.end()
        }
        // What outlives whoever started it was meant to end with it.
        let orphans = sandbox.inhabitants
        for orphan in orphans { kill(orphan, SIGKILL) }
        #expect(orphans == [], "processes of the test outlived it")
        try FileManager.default.removeItem(atPath: sandbox.path)
        try result.get()
    }

    /// The absolute path of a file.
    func file(_ name: String) -> String { "\(path)/\(name)" }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name)) }

    /// Writes a file, with the folders above it, and gives its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String {
        try write(name, Data(text.utf8))
    }

    /// Writes a file, with the folders above it, and gives its path.
    @discardableResult
    func write(_ name: String, _ data: Data) throws -> String {
        let url = URL(filePath: file(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
        return url.path
    }

    /// Starts the program in this directory. Two workers with a thread each share two cores without a fight.
    func start(_ arguments: String..., environment: [String: String] = [:]) throws -> Launched {
        try start(arguments, environment: environment)
    }

    func start(
        _ arguments: [String], environment: [String: String] = [:], behind wrapper: [String] = []
    ) throws -> Launched {
        let defaults = ["OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": file("home-cache")]
        let process = try Launched(
            arguments, in: self, environment: defaults.merging(environment) { $1 }, wrapper: wrapper,
            number: launched.count)
        launched.append(process)
        return process
    }

    /// Runs the program to its end.
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Finished {
        let process = try start(arguments, environment: environment)
        let code = try await process.end()
        return Finished(code: code, output: process.text, complaints: process.complaints)
    }

    /// Runs another program of this host to its end, which has to be a good one.
    @discardableResult
    func shell(_ script: String, sourceLocation: SourceLocation = #_sourceLocation) async throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        process.arguments = ["-euo", "pipefail", "-c", script]
        process.currentDirectoryURL = URL(filePath: path)
        let output = try write("logs/shell", "")
        let file = try FileHandle(forWritingTo: URL(filePath: output))
        process.standardOutput = file
        process.standardError = file
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try file.close()
        try await eventually("\(script) ends", within: .seconds(120)) { process.isRunning ? nil : () }
        let text = try String(contentsOfFile: output, encoding: .utf8)
        try #require(process.terminationStatus == 0, "\(script): \(text)", sourceLocation: sourceLocation)
        return text
    }

    /// Runs the program to its end, which has to be a good one.
    @discardableResult
    func succeed(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let process = try start(arguments, environment: [:])
        let code = try await process.end(sourceLocation: sourceLocation)
        try #require(code == 0, "\(process.complaints)", sourceLocation: sourceLocation)
        return process.text
    }
}

/// How a process ended.
struct Finished {
    /// The exit code, or the signal's number below zero.
    var code: Int32
    var output: String
    var complaints: String
}
