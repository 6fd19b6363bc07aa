import Foundation

/// The worker of `Tests/PythonWorker`, whose cells can be made to kill or to hang it.
enum PythonWorker {
    /// - Parameters:
    ///   - arguments: The join token, and options.
    ///   - output: Where it writes; what it says is lost without.
    /// - Returns: The process, which runs.
    /// - Throws: When there is no Python.
    static func start(_ arguments: [String], output: Pipe? = nil) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments =
            ["python3", EndToEnd.root.appending(path: "Tests/PythonWorker/worker.py").path] + arguments
        process.standardOutput = output ?? FileHandle.nullDevice
        process.standardError = output ?? FileHandle.nullDevice
        try process.run()
        return process
    }
}
