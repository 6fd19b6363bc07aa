import ArgumentParser
import Worker

extension ExitCode {
    /// The sweep ended, but some of its cells failed.
    static let partlyFailed = ExitCode(2)
    /// Trying again is useless: wrong token, wrong version (`EX_CONFIG`).
    static let refused = ExitCode(78)

    /// Runs `body`; where a coordinator will not have this host, the program says why and ends with ``refused``.
    static func whenRefused<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        do {
            return try await body()
        } catch let error as WorkerError where error.isRefusal {
            Console.note("Error: \(error)")
            throw refused
        }
    }
}
